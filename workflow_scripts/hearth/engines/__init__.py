"""Run language models. All engines have one protocol: they take a shared prefix and suffixes, and give completions.

The package imports only from `models` and `common`: it knows nothing of homes, windows or labels.
Start with `protocol`; `registry` has the engines' names, and `transformers` is the reference engine.
"""
