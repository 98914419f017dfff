"""Simulated homes: residents' days, written in the exact on-disk formats of MARBLE and MuRAL.

Imports `common` and `homes` only. Start with `formats`, the registry of formats, then `behaviour`, which has the clock,
the devices and the residents. Each other module defines sensors, activities or files of one format.
"""
