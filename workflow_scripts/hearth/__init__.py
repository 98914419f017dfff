"""Hearth: activity recognition in homes by language models, distilled from large to small."""

import gc

# Run the garbage collector less often than every 700 new objects. Importing torch and transformers creates millions of
# objects and no garbage; this saves a sixth of the run time of most programs.
gc.set_threshold(100_000)
