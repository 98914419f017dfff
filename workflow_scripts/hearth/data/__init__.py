"""Data: read raw files into events, cut events into windows, and split windows into train and test.

May import `homes` and `common`. Start with `events.py` and `windows.py`, which define the records; `sources/` reads
raw files, `folds.py` splits.
"""
