"""Hearth: activity recognition in homes by language models, distilled from large to small."""

import gc

# Python looks for garbage in cycles after every 700 new objects. Importing torch and transformers makes millions and no
# garbage: looking less often saves a sixth of the seconds that most of our programs consist of.
gc.set_threshold(100_000)
