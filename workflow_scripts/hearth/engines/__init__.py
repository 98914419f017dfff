"""Engines: each runs a language model behind one protocol, a shared prefix and many suffixes in, completions out.

The package imports only from `models` and `common`: it knows nothing of homes, windows or labels.
Start with `protocol`; `registry` has the engines' names, and `transformers` is the reference engine.
"""
