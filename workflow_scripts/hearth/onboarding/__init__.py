"""Onboarding: a first yaml of a home drafted from its tables, and the check of a home's yaml against its data.

May import `data`, `prompting`, `models` and the packages below them. Start with `validation.py`; `scaffold.py` makes
the draft.
"""
