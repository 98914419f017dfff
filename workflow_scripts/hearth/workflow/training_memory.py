"""Compute, for each card, the largest micro-batch that a training's longest trace allows, and the memory it takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hearth.distillation.memory_estimate import (
    Longest,
    largest_micro_batch,
    settings_under,
    training_bytes,
    weights_per_rank,
)
from hearth.distillation.settings import TrainingSettings
from hearth.models.measure import ModelShape
from hearth.workflow.cards import CARDS, Card, card_of, find_card
from hearth.workflow.gpu_memory import COMMUNICATION_RESERVE, PROCESS_RESERVE, WindowTokens

NOTES = """
"8: 12.3" means micro-batches of 8, which take 12.3 GB of each card with the weights, if all traces are as long as the
longest; "no" means that not even one such trace fits. micro_batch_size: auto takes as many as fit, up to a rank's share
of batch_size, which "4 x 2" of GPUs x examples shows: 4 GPUs, 2 examples of an optimiser step each. The headings have
the usable GB of a card (10^9 bytes; its name counts GiB). A training whose memory runs out goes on with smaller
micro-batches. Results differ by rounding at most.
"""


@dataclass(frozen=True)
class Training:
    """A training of a student on GPUs: its base model, settings, longest example, and processes, one for each GPU.

    `value_bytes` is 2 in bfloat16, 4 in float32. `gpu_type` is the cluster's name of the GPU, "" for any.
    `zero_stage` is the stage of ZeRO: from 3 on, the ranks share the weights.
    """

    student: str
    shape: ModelShape
    settings: TrainingSettings
    longest: Longest
    ranks: int
    value_bytes: int
    gpu_type: str
    zero_stage: int = 0


def training_on_gpus(
    student: str,
    shape: ModelShape,
    settings: TrainingSettings,
    longest: WindowTokens,
    model: Mapping[str, Any],
    dtype: str,
    zero_stage: int,
) -> Training:
    """Return a training on the GPUs that the base model's registry entry `model` requests."""
    own = min(longest.read + longest.written, settings["max_length"] - longest.prefix)
    return Training(
        student,
        shape,
        settings_under(zero_stage, settings),
        Longest(round(longest.prefix), max(1, round(own))),
        model["nodes"] * model["train_gpus"],
        4 if dtype == "float32" else 2,
        model["gpu_type"],
        zero_stage,
    )


def micro_batch_on(training: Training, card: Card) -> int:
    """Return the size of the micro-batches with which a training runs on a card; 0 if one example does not fit."""
    setting, share = training.settings["micro_batch_size"], training.settings["batch_size"] // training.ranks
    most = max(1, share if setting == "auto" else min(setting, share))
    left = card.memory - _fixed_bytes(training)
    return largest_micro_batch(training.shape, training.settings, training.longest, left, most, training.value_bytes)


def card_bytes(training: Training, micro_batch: int) -> float:
    """Return the bytes that a training takes of each card."""
    return _fixed_bytes(training) + training_bytes(
        training.shape, training.settings, training.longest, micro_batch, training.value_bytes
    )


def table_rows(trainings: Iterable[Training]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows with the largest micro-batch, and the memory it takes, of each training on each card."""
    rows = []
    for training in trainings:
        tokens = training.longest.prefix + training.longest.own
        step = f"{training.ranks} x {training.settings['batch_size'] // training.ranks}"
        rows.append([training.student, step, str(tokens), *(_cell(training, card) for card in CARDS.values())])
    sized = [f"{name} ({card.memory / 1e9:.1f})" for name, card in CARDS.items()]
    return ["student", "GPUs x examples", "longest example", *sized], rows


def problem(training: Training) -> str:
    """Return why a training does not fit the card that its job requests, or any card, and what helps; "" if it fits."""
    cards = list(CARDS.values())
    place = "any card above"
    if find_card(training.gpu_type):
        cards, place = [card_of(training.gpu_type)], f"gpu_type {training.gpu_type}"
    if any(micro_batch_on(training, card) for card in cards):
        return ""
    tokens, needed = training.longest.prefix + training.longest.own, card_bytes(training, 1)
    return (
        f"distil {training.student}: one trace of {tokens} tokens takes {needed / 1e9:.1f} GB, more than {place} has: "
        f"{', or '.join([*remedies(training, cards), 'name a larger gpu_type'])}"
    )


def remedies(training: Training, cards: Sequence[Card]) -> list[str]:
    """Return what makes a training take less of each card, if not even one example fits any of `cards`."""
    largest = max(card.memory for card in cards)
    if _fixed_bytes(training) > largest:
        # No shorter example helps.
        if training.zero_stage >= 3:
            return ["share the weights among more GPUs: raise train_gpus or nodes of its base in config/models.yaml"]
        return [
            "share the weights among the GPUs with students.deepspeed: config/deepspeed/zero3.json, and raise "
            "train_gpus or nodes of its base in config/models.yaml"
        ]
    found = ["lower students.training.max_length (longer traces are then left out)"]
    if not training.settings["gradient_checkpointing"]:
        found.insert(0, "set students.training.gradient_checkpointing: true")
    return found


def _fixed_bytes(training: Training) -> float:
    weights = weights_per_rank(training.shape, training.value_bytes, training.zero_stage, training.ranks)
    return weights + PROCESS_RESERVE + (COMMUNICATION_RESERVE if training.ranks > 1 else 0)


def _cell(training: Training, card: Card) -> str:
    size = micro_batch_on(training, card)
    return f"{size}: {card_bytes(training, size) / 1e9:.1f}" if size else "no"
