"""Language models on disk: fetched once at a pinned revision, checked, converted to safetensors, loaded offline.

The package imports only from `common`: it knows nothing of homes, windows or prompts.
Start with `snapshot`, which says what a model's folder holds, then `fetch` and `load`.
"""
