"""Training from scratch: completion-only loss, one cycle of the learning rate, the same lessons for every size."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy
from transformers import Qwen3ForCausalLM

from hearth.prompting.parsing import parse
from hearth.prompting.prompts import split_prompt
from hearth.toy_models.training_data import HomeLessons

IGNORED = -100
# Longest completion that is asked for: those of the lessons have at most 170 tokens.
MOST_TOKENS = 256


@dataclass(frozen=True)
class EncodedHome:
    """Encoded lessons of one home: the prompt prefix they share and, for each, what follows it.

    `rows` are (token ids after the prefix, how many of them still belong to the prompt).
    """

    prefix: list[int]
    rows: list[tuple[list[int], int]]


def encode(tokenizer, taught: HomeLessons) -> EncodedHome:
    """Token ids of a home's lessons; prefix, suffix and completion are tokenised apart."""
    end = [tokenizer.eos_token_id]
    rows = []
    for lesson in taught.lessons:
        prefix, suffix = split_prompt(tokenizer, taught.system, lesson.user, "think")
        prompt = _ids(tokenizer, suffix)
        rows.append((prompt + _ids(tokenizer, lesson.completion) + end, len(prompt)))
    return EncodedHome(_ids(tokenizer, prefix), rows)


def train(
    model: Qwen3ForCausalLM,
    sources: list[list[EncodedHome]],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    report: Callable[[str], None] = print,
) -> float:
    """Train in place for `steps` steps of `batch_size` rows, a home of each source a step; mean loss of the last 20.

    A home's prefix is encoded once a step, with gradients, for all its rows: exactly what whole
    prompts would give, for little more than half of the time.
    """
    part = batch_size // len(sources)
    plans = [_batches(homes, part, steps, seed) for homes in sources]
    optimizers = _optimizers(model, learning_rate)
    cycles = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.1, cycle_momentum=False
        )
        for optimizer in optimizers
    ]
    losses, started = [], time.monotonic()
    model.train()
    for step in range(1, steps + 1):
        loss = sum(_loss(model, *plan[step - 1]) for plan in plans) / len(plans)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, cycle in zip(optimizers, cycles, strict=True):
            optimizer.step()
            cycle.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if step % 50 == 0 or step == steps:
            recent = sum(losses[-20:]) / len(losses[-20:])
            report(f"step {step}/{steps} loss {recent:.4f} {time.monotonic() - started:.0f} s")
    model.eval()
    return sum(losses[-20:]) / len(losses[-20:])


def _optimizers(model: Qwen3ForCausalLM, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, which learn to copy in half the steps with it, AdamW for everything else."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def _loss(model: Qwen3ForCausalLM, prefix: list[int], rows: list[tuple[list[int], int]]) -> torch.Tensor:
    """Mean cross-entropy of the completions' tokens of some rows of a home."""
    inputs, targets = _collate(rows)
    cache = model.model(input_ids=torch.tensor([prefix]), use_cache=True).past_key_values
    cache.batch_repeat_interleave(len(rows))
    # Right padding under causal attention needs no mask: no token that counts can see a pad.
    hidden = model.model(input_ids=inputs, past_key_values=cache, use_cache=True).last_hidden_state
    counted = targets != IGNORED
    return cross_entropy(model.lm_head(hidden[counted]), targets[counted])


@torch.inference_mode()
def examine(model, tokenizer, homes: list[HomeLessons]) -> dict[str, dict[str, float]]:
    """Shares of events labelled right and left without an answer, greedy and strictly parsed, by source."""
    tokenizer.padding_side = "left"
    right, unanswered, events = Counter(), Counter(), Counter()
    for taught in homes:
        prompts = ["".join(split_prompt(tokenizer, taught.system, lesson.user, "think")) for lesson in taught.lessons]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        outputs = model.generate(**batch, max_new_tokens=MOST_TOKENS, do_sample=False)
        for lesson, output in zip(taught.lessons, outputs[:, batch["input_ids"].shape[1] :], strict=True):
            text = tokenizer.decode(output).split(tokenizer.eos_token)[0]
            answer = parse(text, len(lesson.gold), taught.home.labels, "stop")
            right[taught.source] += sum(given == gold for given, gold in zip(answer.labels, lesson.gold, strict=True))
            unanswered[taught.source] += answer.labels.count(None) if answer.status != "unknown_label" else 0
            events[taught.source] += len(lesson.gold)
    return {
        name: {source: round(counts[source] / events[source], 4) for source in sorted(events)}
        for name, counts in (("accuracy", right), ("unanswered", unanswered))
    }


def _ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _batches(homes: list[EncodedHome], batch_size: int, steps: int, seed: int) -> list[tuple[list[int], list]]:
    """`steps` batches (a home's prefix, rows of it of like length), every row once before any comes again."""
    rng = random.Random(seed)  # noqa: S311 - an order of lessons, not a secret
    batches: list[tuple[list[int], list]] = []
    while len(batches) < steps:
        epoch = []
        for home in homes:
            # Like lengths side by side, but not the same ones in every epoch.
            rows = sorted(home.rows, key=lambda row: len(row[0]) + rng.uniform(0, 16))
            starts = range(0, len(rows), batch_size)
            epoch += [(home.prefix, rows[start : start + batch_size]) for start in starts]
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
