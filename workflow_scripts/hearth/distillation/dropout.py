"""Draw the dropout of an adapter for each example by itself, so that no mask depends on what else is in the batch.

Otherwise the size of a micro-batch and the number of ranks would decide which values are dropped.
"""

import zlib
from collections.abc import Sequence

import torch
from peft import PeftModel
from torch import nn

Segment = tuple[int, int]  # the number of tokens of an example, and the seed of its masks
_ODD = 0x9E3779B1  # so that seeds of neighbouring layers are far apart


def seed_of(checksum: int, seed: int, step: int) -> int:
    """Return the seed of an example's masks in an optimiser step; `checksum` is that of its tokens."""
    return zlib.crc32(f"{checksum} {seed} {step}".encode())


class ExampleDropout(nn.Module):
    """Dropout with probability `p` on hidden states of shape (rows, tokens, width).

    `layout`, which all dropouts of a model share, holds the segments of each row; what follows them is padding.
    """

    def __init__(self, p: float, place: int, layout: list[Sequence[Segment]]):
        super().__init__()
        self._keep, self._place, self._layout = 1 - p, place, layout

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the hidden states with some values dropped and the others divided by the share of those kept."""
        if not self.training:
            return hidden
        mask = torch.ones(hidden.shape, dtype=torch.bool, device=hidden.device)
        generator = torch.Generator(hidden.device)
        for row, segments in zip(mask, self._layout, strict=True):
            lengths, seeds = zip(*segments, strict=True)
            for part, seed in zip(row[: sum(lengths)].split(lengths), seeds, strict=True):
                part.bernoulli_(self._keep, generator=generator.manual_seed((seed + self._place * _ODD) % 2**32))
        return hidden * mask * (1 / self._keep)


def drop_by_example(student: PeftModel) -> list[Sequence[Segment]]:
    """Replace the dropouts of a student's adapter; return the layout, whose content the caller sets for each pass.

    An adapter on the output embeddings keeps its dropout: it does not get whole rows.
    """
    layout: list[Sequence[Segment]] = []
    head = set(student.get_base_model().get_output_embeddings().modules())
    for place, module in enumerate(student.modules()):
        for name, child in module.named_children():
            if isinstance(module, nn.ModuleDict) and isinstance(child, nn.Dropout) and module not in head:
                module[name] = ExampleDropout(child.p, place, layout)
    return layout
