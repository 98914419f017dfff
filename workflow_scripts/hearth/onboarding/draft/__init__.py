"""Draft the first yaml of a home from its files.

Start with `home_draft.py`. `files.py` finds the form of each file, `columns.py` the role of each column with the
format of its times (`data/sources/time_formats.py`), and `recording.py` puts them together; the loader itself then
reads the rows, so that a draft holds what a run will see. `home_yaml.py` writes the yaml.
"""
