"""Simulated homes: residents' days, written in the exact on-disk formats of MARBLE and MuRAL."""

from hearth.simulation import marble

FORMATS = {"marble": marble.write}
