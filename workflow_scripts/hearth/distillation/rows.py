"""Deal the examples of every optimiser step to ranks and micro-batches, and lay a micro-batch out as rows of tokens."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from hearth.distillation.examples import IGNORED, TokenLists

Labelled = tuple[torch.Tensor, torch.Tensor]  # the tokens of one example and their labels, int64 and equally long


@dataclass(frozen=True)
class Share:
    """The examples of one rank in one optimiser step, on the CPU; there may be none.

    `prefixes` has the number of the static prefix with which each example begins.
    """

    examples: list[Labelled]
    prefixes: list[int] = field(default_factory=list)

    def by_prefix(self) -> "dict[int, Share]":
        """Return the examples that begin with each prefix."""
        groups: dict[int, Share] = {}
        for example, number in zip(self.examples, self.prefixes, strict=True):
            groups.setdefault(number, Share([])).examples.append(example)
        return dict(sorted(groups.items()))

    @property
    def lengths(self) -> list[int]:
        """Return the number of tokens of each example."""
        return [len(tokens) for tokens, _ in self.examples]

    @property
    def predicted(self) -> int:
        """Return the number of tokens that count in the loss."""
        return sum(int((labels[1:] != IGNORED).sum()) for _, labels in self.examples)


@dataclass(frozen=True)
class Rows:
    """A micro-batch as arguments of a decoder.

    `predicting` holds the positions, in the flattened rows, whose next token counts in the loss, and `targets` those
    next tokens; both are int64 of shape (tokens that count,). `layout` has, for each row, the number of tokens and a
    checksum of each of its examples.
    """

    layout: list[list[tuple[int, int]]]
    arguments: dict[str, Any]
    predicting: torch.Tensor
    targets: torch.Tensor

    def to(self, device: torch.device) -> "Rows":
        """Return the same rows on a device."""
        arguments = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in self.arguments.items()
        }
        return Rows(self.layout, arguments, self.predicting.to(device), self.targets.to(device))


def collate(examples: Sequence[TokenLists]) -> dict[str, Share]:
    """Return a rank's examples as a batch that the Trainer leaves on the CPU."""
    labelled = [(torch.as_tensor(example["input_ids"]), torch.as_tensor(example["labels"])) for example in examples]
    prefixes = [example["prefix"] for example in examples]
    return {"share": Share([(tokens.long(), labels.long()) for tokens, labels in labelled], prefixes)}


def deal(lengths: Sequence[int], parts: int) -> list[list[int]]:
    """Distribute examples of these lengths among `parts`, with equal totals of tokens as far as possible.

    Return the numbers of the examples of each part, the longest example first. The sizes of the parts differ by one at
    most.
    """
    dealt: list[list[int]] = [[] for _ in range(parts)]
    totals = [0] * parts
    largest = -(-len(lengths) // parts)
    # As many parts as there are examples left over may have the largest size.
    full = len(lengths) - (largest - 1) * parts
    for number in sorted(range(len(lengths)), key=lambda number: (-lengths[number], number)):
        limit = largest if sum(len(part) == largest for part in dealt) < full else largest - 1
        part = min((part for part in range(parts) if len(dealt[part]) < limit), key=lambda part: (totals[part], part))
        dealt[part].append(number)
        totals[part] += lengths[number]
    return dealt


class StepSampler:
    """Yield the numbers of this rank's examples for every optimiser step of an epoch.

    The order of the examples is drawn from the seed and the epoch. Which of a step's examples a rank gets changes no
    sum over the step.
    """

    def __init__(
        self,
        lengths: Callable[[int], int],
        count: int,
        batch_size: int,
        seed: int,
        epoch: Callable[[], int],
        rank: int = 0,
        ranks: int = 1,
    ):
        """Take the number of tokens of an example as a function of its number; `batch_size` counts all ranks."""
        self._lengths, self._count, self._batch_size = lengths, count, batch_size
        self._seed, self._epoch, self._rank, self._ranks = seed, epoch, rank, ranks

    def __len__(self) -> int:
        """Return the number of optimiser steps in an epoch; the last one may have fewer examples."""
        return -(-self._count // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        draw = torch.Generator().manual_seed(self._seed)
        *_, order = (torch.randperm(self._count, generator=draw) for _ in range(self._epoch() + 1))
        for step in order.split(self._batch_size):
            numbers: list[int] = step.tolist()
            shares = deal([self._lengths(number) for number in numbers], self._ranks)
            yield [numbers[place] for place in shares[self._rank]]


def split(share: Share, size: int, parts: int = 0, alike: bool = False) -> list[list[Labelled]]:
    """Split a rank's examples into micro-batches of at most `size`.

    They have about equally many tokens or, if `alike`, examples of like lengths, for little padding. If `parts` is
    given, that many micro-batches are returned, some of them empty if there are too few examples.
    """
    parts = parts or -(-len(share.examples) // size)
    if alike:
        ordered = sorted(share.examples, key=lambda example: -len(example[0]))
        return [ordered[part * size : (part + 1) * size] for part in range(parts)]
    return [[share.examples[number] for number in part] for part in deal(share.lengths, parts)] if parts else []


def join_rows(examples: Sequence[Labelled], skipped: int = 0) -> Rows:
    """Lay the examples out one behind the other in one row, without their first `skipped` tokens.

    The attention of `packed_attention` keeps them apart: it needs `segments`, the numbers of tokens of the examples.
    """
    own = [tokens[skipped:] for tokens, _ in examples]
    next_tokens = torch.cat([_next_tokens(labels)[skipped:] for _, labels in examples])
    lengths = [len(tokens) for tokens in own]
    predicting = (next_tokens != IGNORED).nonzero()[:, 0]
    positions = torch.cat([torch.arange(skipped, skipped + length) for length in lengths])
    return Rows(
        [[_summary(tokens) for tokens in own]],
        {"input_ids": torch.cat(own)[None], "position_ids": positions[None], "segments": lengths},
        predicting,
        next_tokens[predicting],
    )


def pad_rows(examples: Sequence[Labelled]) -> Rows:
    """Lay the examples out one below the other, padded on the right."""
    tokens, mask, next_tokens = (
        torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
        for rows, padding in (
            ([tokens for tokens, _ in examples], 0),
            ([torch.ones_like(tokens) for tokens, _ in examples], 0),
            ([_next_tokens(labels) for _, labels in examples], IGNORED),
        )
    )
    predicting = (next_tokens.flatten() != IGNORED).nonzero()[:, 0]
    return Rows(
        [[_summary(tokens)] for tokens, _ in examples],
        {"input_ids": tokens, "attention_mask": mask},
        predicting,
        next_tokens.flatten()[predicting],
    )


def _summary(tokens: torch.Tensor) -> tuple[int, int]:
    return len(tokens), zlib.crc32(tokens.numpy().tobytes())


def _next_tokens(labels: torch.Tensor) -> torch.Tensor:
    """Return for each position the label of the next one; the last position predicts nothing."""
    return torch.nn.functional.pad(labels[1:], (0, 1), value=IGNORED)
