"""Deal the examples of every optimiser step to ranks and micro-batches, and lay a micro-batch out as rows of tokens."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch

from hearth.distillation.example_arrays import SoftTargets, no_soft_targets
from hearth.distillation.examples import IGNORED, Examples, TokenLists
from hearth.distillation.loss import Targets


class Labelled(NamedTuple):
    """One example: its tokens and their labels (int64), and the weights of the labels (float32), all equally long.

    `weights` None stands for 1 each. `soft` has the teacher's likeliest tokens in the place of each label that counts;
    None if the student learns the labels alone.
    """

    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor | None = None
    soft: SoftTargets | None = None


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
        return [len(example.tokens) for example in self.examples]

    @property
    def weight(self) -> float:
        """Return the sum of the weights of all tokens that count in the loss; without weights, their number."""
        return sum(_weight(example) for example in self.examples)


@dataclass(frozen=True)
class Rows:
    """A micro-batch as arguments of a decoder.

    `predicting` holds the positions, in the flattened rows, whose next token counts in the loss, and is int64 of shape
    (tokens that count,); `targets` are those next tokens. `layout` has, for each row, the number of tokens and a
    checksum of each of its examples.
    """

    layout: list[list[tuple[int, int]]]
    arguments: dict[str, Any]
    predicting: torch.Tensor
    targets: Targets

    def to(self, device: torch.device) -> "Rows":
        """Return the same rows on a device."""
        arguments = {
            name: value.to(device) if isinstance(value, torch.Tensor) else value
            for name, value in self.arguments.items()
        }
        return Rows(self.layout, arguments, self.predicting.to(device), self.targets.to(device))


def collate(examples: Sequence[TokenLists]) -> dict[str, Share]:
    """Return a rank's examples as a batch that the Trainer leaves on the CPU."""
    return {"share": Share([_labelled(example) for example in examples], [example["prefix"] for example in examples])}


def _labelled(example: TokenLists) -> Labelled:
    tokens, labels = (torch.as_tensor(example[key]).long() for key in ("input_ids", "labels"))
    weights = example["weights"]
    weights = None if weights is None else torch.as_tensor(weights, dtype=torch.float32)
    return Labelled(tokens, labels, weights, example.get("soft"))


def _weight(example: Labelled) -> float:
    counts = example.labels[1:] != IGNORED
    return int(counts.sum()) if example.weights is None else float(example.weights[1:][counts].double().sum())


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

    A step has `batch_size` windows. Their order is drawn from the seed and the epoch. Which of a step's examples a rank
    gets changes no sum over the step.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        seed: int,
        epoch: Callable[[], int],
        rank: int = 0,
        ranks: int = 1,
    ):
        """Take the examples; `batch_size` counts the windows of all ranks, `epoch` returns the number of the epoch."""
        self._examples, self._lengths, self._batch_size = examples, examples.lengths(), batch_size
        self._seed, self._epoch, self._rank, self._ranks = seed, epoch, rank, ranks

    def __len__(self) -> int:
        """Return the number of optimiser steps in an epoch; the last one may have fewer windows."""
        return -(-self._examples.n_windows // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        draw, epoch = torch.Generator().manual_seed(self._seed), self._epoch()
        *_, order = (torch.randperm(self._examples.n_windows, generator=draw) for _ in range(epoch + 1))
        for step in order.split(self._batch_size):
            numbers = [number for window in step.tolist() for number in self._examples.of_window(window, epoch)]
            shares = deal([int(self._lengths[number]) for number in numbers], self._ranks)
            yield [numbers[place] for place in shares[self._rank]]


def split(share: Share, size: int, parts: int = 0, alike: bool = False) -> list[list[Labelled]]:
    """Split a rank's examples into micro-batches of at most `size`.

    They have about equally many tokens or, if `alike`, examples of like lengths, for little padding. If `parts` is
    given, that many micro-batches are returned, some of them empty if there are too few examples.
    """
    parts = parts or -(-len(share.examples) // size)
    if alike:
        ordered = sorted(share.examples, key=lambda example: -len(example.tokens))
        return [ordered[part * size : (part + 1) * size] for part in range(parts)]
    return [[share.examples[number] for number in part] for part in deal(share.lengths, parts)] if parts else []


def join_rows(examples: Sequence[Labelled], skipped: int = 0) -> Rows:
    """Lay the examples out one behind the other in one row, without their first `skipped` tokens.

    The attention of `packed_attention` keeps them apart: it needs `segments`, the numbers of tokens of the examples.
    """
    own = [example.tokens[skipped:] for example in examples]
    next_tokens = torch.cat([_next_tokens(example.labels)[skipped:] for example in examples])
    lengths = [len(tokens) for tokens in own]
    predicting = (next_tokens != IGNORED).nonzero()[:, 0]
    positions = torch.cat([torch.arange(skipped, skipped + length) for length in lengths])
    return Rows(
        [[_summary(tokens) for tokens in own]],
        {"input_ids": torch.cat(own)[None], "position_ids": positions[None], "segments": lengths},
        predicting,
        _targets(examples, next_tokens[predicting]),
    )


def pad_rows(examples: Sequence[Labelled]) -> Rows:
    """Lay the examples out one below the other, padded on the right."""
    tokens, mask, next_tokens = (
        torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
        for rows, padding in (
            ([example.tokens for example in examples], 0),
            ([torch.ones_like(example.tokens) for example in examples], 0),
            ([_next_tokens(example.labels) for example in examples], IGNORED),
        )
    )
    predicting = (next_tokens.flatten() != IGNORED).nonzero()[:, 0]
    return Rows(
        [[_summary(example.tokens)] for example in examples],
        {"input_ids": tokens, "attention_mask": mask},
        predicting,
        _targets(examples, next_tokens.flatten()[predicting]),
    )


def _targets(examples: Sequence[Labelled], ids: torch.Tensor) -> Targets:
    """Return the targets of examples; `ids` are their tokens that count in the loss, in the order of the examples."""
    counts = [example.labels[1:] != IGNORED for example in examples]
    targets = Targets(ids)
    if any(example.weights is not None for example in examples):
        weights = [torch.ones_like(one.labels) if one.weights is None else one.weights for one in examples]
        own = [each[1:][counted].float() for each, counted in zip(weights, counts, strict=True)]
        targets = replace(targets, weights=torch.cat(own))
    if top_tokens := max((one.soft.top_ids.shape[1] for one in examples if one.soft), default=0):
        soft = [
            one.soft or no_soft_targets(int(counted.sum()), top_tokens)
            for one, counted in zip(examples, counts, strict=True)
        ]
        targets = replace(
            targets,
            soft_shares=torch.cat([torch.full((len(each.top_ids),), each.share) for each in soft]),
            top_ids=torch.cat([torch.as_tensor(each.top_ids) for each in soft]),
            log_probabilities=torch.cat([torch.as_tensor(each.log_probabilities) for each in soft]),
        )
    return targets


def _summary(tokens: torch.Tensor) -> tuple[int, int]:
    return len(tokens), zlib.crc32(tokens.numpy().tobytes())


def _next_tokens(labels: torch.Tensor) -> torch.Tensor:
    """Return for each position the label of the next one; the last position predicts nothing."""
    return torch.nn.functional.pad(labels[1:], (0, 1), value=IGNORED)
