"""Onboarding: draft the first yaml of a home from its tables, and check a home's yaml against its data.

May import `data`, `prompting`, `models` and the packages below them. Start with `validation.py`; `scaffold.py` makes
the draft.
"""
