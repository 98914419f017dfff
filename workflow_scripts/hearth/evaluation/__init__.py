"""Evaluation: scores of recognisers, their uncertainty, and the tables, claims, figures and report made of them.

It imports from `data` and `prompting` and from the recipes of `distillation`, and knows nothing of models or engines.
Start reading at `score_document` (what a score holds) and `scores` (how it is built); counts lead to metrics (`counts`,
`metrics`) and to intervals and tests (`bootstrap`, `statistics`).
"""
