"""Homes: read and check a home's yaml, which describes rooms, sensors, activities and the layout of raw files.

May import `common` only. Start with `home.py`, then `raw_format.py` for the `recording` part of the yaml.
"""
