"""Training from scratch: completion-only loss, one cycle of the learning rate, the same lessons for every size."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy
from transformers import Qwen3ForCausalLM

from hearth.answers import parse
from hearth.prompts import split_prompt

IGNORED = -100


@dataclass(frozen=True)
class Class:
    """Lessons of one kind of home: the prompt prefix they share and, for each, what follows it.

    `rows` are (token ids after the prefix, how many of them still belong to the prompt).
    """

    prefix: list[int]
    rows: list[tuple[list[int], int]]


def encode(tokenizer, system: str, lessons: list[dict]) -> Class:
    """Token ids of lessons that share a system prompt; prefix, suffix and completion are tokenised apart."""
    end = [tokenizer.eos_token_id]
    rows = []
    for lesson in lessons:
        prefix, suffix = split_prompt(tokenizer, system, lesson["user"], "think")
        prompt = _ids(tokenizer, suffix)
        rows.append((prompt + _ids(tokenizer, lesson["completion"]) + end, len(prompt)))
    return Class(_ids(tokenizer, prefix), rows)


def train(
    model: Qwen3ForCausalLM,
    classes: list[Class],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    report: Callable[[str], None] = print,
) -> float:
    """Train in place for `steps` steps of `batch_size` rows, an equal part of each class; mean loss of the last 20.

    A class's prefix is encoded once a step, with gradients, for all its rows: exactly what whole
    prompts would give, for little more than half of the time.
    """
    part = batch_size // len(classes)
    plans = [_batches(group.rows, part, steps, seed) for group in classes]
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.1)
    losses, started = [], time.monotonic()
    model.train()
    for step in range(1, steps + 1):
        loss = sum(_loss(model, group, plan[step - 1]) for group, plan in zip(classes, plans, strict=True))
        loss = loss / len(classes)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        cycle.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if step % 50 == 0 or step == steps:
            recent = sum(losses[-20:]) / len(losses[-20:])
            report(f"step {step}/{steps} loss {recent:.4f} {time.monotonic() - started:.0f} s")
    model.eval()
    return sum(losses[-20:]) / len(losses[-20:])


def _loss(model: Qwen3ForCausalLM, group: Class, rows: list[int]) -> torch.Tensor:
    """Mean cross-entropy of the completions' tokens of some rows of a class."""
    inputs, targets = _collate([group.rows[row] for row in rows])
    cache = model.model(input_ids=torch.tensor([group.prefix]), use_cache=True).past_key_values
    cache.batch_repeat_interleave(len(rows))
    # Right padding under causal attention needs no mask: no token that counts can see a pad.
    hidden = model.model(input_ids=inputs, past_key_values=cache, use_cache=True).last_hidden_state
    counted = targets != IGNORED
    return cross_entropy(model.lm_head(hidden[counted]), targets[counted])


@torch.inference_mode()
def held_out_accuracy(model, tokenizer, systems: dict[str, str], homes: dict, lessons: list[dict]) -> dict[str, float]:
    """Share of events labelled right, greedily and strictly parsed, by source, on lessons not trained on."""
    right, events = Counter(), Counter()
    for lesson in lessons:
        source = lesson["source"]
        prefix, suffix = split_prompt(tokenizer, systems[source], lesson["user"], "think")
        prompt = torch.tensor([_ids(tokenizer, prefix) + _ids(tokenizer, suffix)])
        output = model.generate(input_ids=prompt, max_new_tokens=160, do_sample=False)[0, prompt.shape[1] :]
        text = tokenizer.decode(output).split(tokenizer.eos_token)[0]
        answer = parse(text, len(lesson["gold"]), homes[source].labels, "stop")
        right[source] += sum(given == gold for given, gold in zip(answer.labels, lesson["gold"], strict=True))
        events[source] += len(lesson["gold"])
    return {source: round(right[source] / events[source], 4) for source in sorted(events)}


def _ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _batches(rows: list, batch_size: int, steps: int, seed: int) -> list[list[int]]:
    """`steps` batches of rows of like length, every row once before any comes again."""
    rng = random.Random(seed)  # noqa: S311 - an order of lessons, not a secret
    batches: list[list[int]] = []
    while len(batches) < steps:
        order = list(range(len(rows)))
        rng.shuffle(order)
        epoch = []
        for start in range(0, len(order), 16 * batch_size):
            pool = sorted(order[start : start + 16 * batch_size], key=lambda row: len(rows[row][0]))
            epoch += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
        rng.shuffle(epoch)
        batches += epoch
    return batches[:steps]


def _collate(rows: list[tuple[list[int], int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(inputs, targets) of shape (rows, longest - 1); a target is the next token where it belongs to a completion."""
    longest = max(len(ids) for ids, _ in rows)
    inputs = torch.zeros((len(rows), longest - 1), dtype=torch.long)
    targets = torch.full((len(rows), longest - 1), IGNORED)
    for index, (ids, prompt) in enumerate(rows):
        inputs[index, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets[index, prompt - 1 : len(ids) - 1] = torch.tensor(ids[prompt:])
    return inputs, targets
