"""Render windows as prompts, and parse a model's text into labels and a status.

The package imports only from `homes`, `data` and `common`: it knows nothing of language models beyond a chat template.
Start with `prompts`; `parsing` reads answers, and `predictions` defines the records that other packages share.
"""
