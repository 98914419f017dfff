"""Evaluation of predictions: metrics, statistics, tables, claims, figures, the report and their provenance.

May import data, prompting and the records and recipes of distillation; knows nothing of models and engines.
Start with `score_document.py` (what a score holds), then `scores.py`, `tables.py` and `report.py`.
"""
