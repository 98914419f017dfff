"""Training from scratch: completion-only loss, one cycle of the learning rate, the same lessons for every size."""

import random
import time
from collections import Counter
from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy

from hearth.answers import parse
from hearth.prompts import split_prompt

IGNORED = -100


def encode(tokenizer, prefix: str, suffix: str, completion: str, end: int) -> tuple[list[int], int]:
    """(token ids of prompt, completion and end of turn, length of the prompt); the parts are tokenised apart."""
    prompt = _ids(tokenizer, prefix) + _ids(tokenizer, suffix)
    return prompt + _ids(tokenizer, completion) + [end], len(prompt)


def train(
    model: torch.nn.Module,
    examples: list[tuple[list[int], int]],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    pad: int,
    seed: int,
    report: Callable[[str], None] = print,
) -> float:
    """Train in place on `examples` (as from `encode`) for `steps` batches; the last 20 steps' mean loss is returned."""
    order = _batches(examples, batch_size, steps, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps, pct_start=0.1)
    losses, started = [], time.monotonic()
    model.train()
    for step, batch in enumerate(order, start=1):
        inputs, targets = _collate([examples[index] for index in batch], pad)
        # Right padding under causal attention needs no mask: no token that counts can see a pad.
        hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
        counted = targets != IGNORED
        loss = cross_entropy(model.lm_head(hidden[counted]), targets[counted])
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


def _batches(examples: list, batch_size: int, steps: int, seed: int) -> list[list[int]]:
    """`steps` batches of examples of like length, every example once before any comes again."""
    rng = random.Random(seed)  # noqa: S311 - an order of examples, not a secret
    batches: list[list[int]] = []
    while len(batches) < steps:
        order = list(range(len(examples)))
        rng.shuffle(order)
        pools = [order[start : start + 16 * batch_size] for start in range(0, len(order), 16 * batch_size)]
        epoch = []
        for pool in pools:
            pool.sort(key=lambda index: len(examples[index][0]))
            epoch += [pool[start : start + batch_size] for start in range(0, len(pool), batch_size)]
        rng.shuffle(epoch)
        batches += epoch
    return batches[:steps]


def _collate(examples: list[tuple[list[int], int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(inputs, targets) of shape (batch, longest - 1); a target is the next token where it belongs to a completion."""
    longest = max(len(ids) for ids, _ in examples)
    inputs = torch.full((len(examples), longest - 1), pad)
    targets = torch.full((len(examples), longest - 1), IGNORED)
    for row, (ids, prompt) in enumerate(examples):
        inputs[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets[row, prompt - 1 : len(ids) - 1] = torch.tensor(ids[prompt:])
    return inputs, targets
