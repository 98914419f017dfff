"""Hearth: activity recognition in homes by language models, distilled from large to small."""
