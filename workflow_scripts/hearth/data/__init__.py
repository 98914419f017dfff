"""Data: raw files to events, events to windows, windows to train and test.

May import `homes` and `common`. Start with `events.py` and `windows.py`, which define the records; `sources/` reads
raw files, `folds.py` splits.
"""
