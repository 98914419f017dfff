"""Loaders of raw datasets: one module a source format, each with `read(root, home) -> (events, report)`.

May import `homes` and the rest of `data`. Start with `registry.py`, then `table.py`, the source for any home;
`event_builder.py` has the steps that sources share.
"""
