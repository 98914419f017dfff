"""Homes: what a home's yaml says about its rooms, sensors and activities, and how its raw files are read.

May import `common` only. Start with `home.py`, then `raw_format.py` for the `recording` part of the yaml.
"""
