"""The figures of a run, one module each. They are functions of scores: equal scores give equal bytes.

`names.py` lists the figures, `registry.py` has their captions and renders them, `drawing.py` has the functions that
they share.
May import all of `evaluation` but the report.
"""
