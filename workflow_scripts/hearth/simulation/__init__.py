"""Simulated homes: residents' days, written in the exact on-disk formats of MARBLE and MuRAL."""

from hearth.simulation import marble, mural

FORMATS = {"marble": marble.write, "mural": mural.write}
