"""The paper's four claims, each decided from scores, home by home.

One module per claim holds its thresholds, its rule in words and the function that decides it, on top of `verdicts`
(conditions and findings) and `measures` (selection of scores, estimates). Start reading at `table`.
"""
