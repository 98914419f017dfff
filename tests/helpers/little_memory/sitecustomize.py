"""Let a rank run out of memory: with this folder in PYTHONPATH, every Python process imports this file when it starts.

In the process of rank LITTLE_MEMORY_RANK, a forward pass of more than LITTLE_MEMORY_TOKENS tokens raises the error that
PyTorch raises when a GPU's memory does not suffice.
"""

import os

if os.environ.get("RANK") == os.environ["LITTLE_MEMORY_RANK"]:
    import torch

    embed = torch.nn.functional.embedding

    def embed_few(tokens, *arguments, **options):
        if tokens.numel() > int(os.environ["LITTLE_MEMORY_TOKENS"]):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate more than there is.")
        return embed(tokens, *arguments, **options)

    torch.nn.functional.embedding = embed_few
