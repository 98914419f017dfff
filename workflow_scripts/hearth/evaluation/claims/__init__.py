"""The paper's claims, each decided from scores, home by home.

One module holds the claims about one subject: their margins, their rules in words and the functions that decide them,
on top of `verdicts` (conditions and findings), `estimates` (numbers with resamples) and `measures` (selection of
scores). docs/statistics.md gives the reasons. Start reading at `table`.
"""
