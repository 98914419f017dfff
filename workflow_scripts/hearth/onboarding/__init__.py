"""Onboarding: draft the first yaml of a home from its files, and check a home's yaml against its data.

May import `data`, `prompting`, `models` and the packages below them. `draft/` makes the draft, `validation.py` the
report of check_home, and `verdict.py` its last lines.
"""
