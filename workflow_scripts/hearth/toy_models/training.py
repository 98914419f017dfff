"""Train a tiny model from scratch: completion-only loss, one learning rate cycle, equal examples for every size."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

from hearth.distillation.examples import IGNORED
from hearth.prompting.chat_templates import split_prompt
from hearth.prompting.parsing import parse
from hearth.toy_models.training_data import HomeExamples

# Completions of the training data have at most 170 tokens.
MAX_NEW_TOKENS = 256

# An example: its token ids after the home's prefix, and the number of them that belong to the prompt.
Row = tuple[list[int], int]


@dataclass(frozen=True)
class EncodedHome:
    """Token ids of one home's examples: the prompt prefix that they share, and a `Row` for each example."""

    prefix: list[int]
    rows: list[Row]


def encode_home(tokenizer: PreTrainedTokenizerBase, home: HomeExamples) -> EncodedHome:
    """Tokenise a home's examples; prefix, suffix and completion are tokenised separately."""
    end = [tokenizer.eos_token_id]
    rows = []
    for example in home.examples:
        prefix, suffix = split_prompt(tokenizer, home.system, example.user, "think")
        prompt = _ids(tokenizer, suffix)
        rows.append((prompt + _ids(tokenizer, example.completion) + end, len(prompt)))
    return EncodedHome(_ids(tokenizer, prefix), rows)


def train_model(
    model: Qwen3ForCausalLM,
    sources: list[list[EncodedHome]],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    report: Callable[[str], None] = print,
) -> float:
    """Train `model` in place for `steps` steps and return the mean loss of the last 20 steps.

    A step has `batch_size` rows, an equal number from one home of each source. A home's prefix is encoded once per
    step, with gradients, for all its rows. The gradients equal those of training on whole prompts; a step takes little
    more than half the time.
    """
    rows_per_source = batch_size // len(sources)
    plans = [_batches(homes, rows_per_source, steps, seed) for homes in sources]
    optimizers = _optimizers(model, learning_rate)
    schedulers = [
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
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            scheduler.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if step % 50 == 0 or step == steps:
            recent = sum(losses[-20:]) / len(losses[-20:])
            report(f"step {step}/{steps} loss {recent:.4f} {time.monotonic() - started:.0f} s")
    model.eval()
    return sum(losses[-20:]) / len(losses[-20:])


def _optimizers(model: Qwen3ForCausalLM, learning_rate: float) -> list[torch.optim.Optimizer]:
    """Return two optimizers: Muon for the layers' matrices, and AdamW for all other parameters.

    With Muon, models learn to copy in half the steps.
    """
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=learning_rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def _loss(model: Qwen3ForCausalLM, prefix: list[int], rows: list[Row]) -> torch.Tensor:
    """Return the mean cross-entropy over the completion tokens of `rows`, which follow a home's `prefix`."""
    inputs, targets = _collate(rows)
    cache = model.model(input_ids=torch.tensor([prefix]), use_cache=True).past_key_values
    cache.batch_repeat_interleave(len(rows))
    # No mask: with right padding and causal attention, no token that counts attends to padding.
    hidden = model.model(input_ids=inputs, past_key_values=cache, use_cache=True).last_hidden_state
    counted = targets != IGNORED
    return cross_entropy(model.lm_head(hidden[counted]), targets[counted])


@torch.inference_mode()
def evaluate_model(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerBase, homes: list[HomeExamples]
) -> dict[str, dict[str, float]]:
    """Complete the homes' examples greedily, parse the answers strictly, and return two dicts from source to share.

    "accuracy" has the share of events with the gold label, "unanswered" the share of events without an answer.
    """
    tokenizer.padding_side = "left"
    correct: Counter[str] = Counter()
    unanswered: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for home in homes:
        prompts = ["".join(split_prompt(tokenizer, home.system, example.user, "think")) for example in home.examples]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        outputs = model.generate(**batch, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
        for example, output in zip(home.examples, outputs[:, batch["input_ids"].shape[1] :], strict=True):
            text = tokenizer.decode(output).split(tokenizer.eos_token)[0]
            answer = parse(text, len(example.gold), home.home.labels, "stop")
            pairs = zip(answer.labels, example.gold, strict=True)
            correct[home.source] += sum(predicted == gold for predicted, gold in pairs)
            unanswered[home.source] += answer.labels.count(None) if answer.status != "unknown_label" else 0
            events[home.source] += len(example.gold)
    return {
        name: {source: round(counts[source] / events[source], 4) for source in sorted(events)}
        for name, counts in (("accuracy", correct), ("unanswered", unanswered))
    }


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _batches(homes: list[EncodedHome], batch_size: int, steps: int, seed: int) -> list[tuple[list[int], list[Row]]]:
    """Return `steps` batches, each a home's prefix and up to `batch_size` of its rows, of similar length.

    Each epoch has every row once.
    """
    rng = random.Random(seed)  # noqa: S311 - an order of examples, not a secret
    batches: list[tuple[list[int], list[Row]]] = []
    while len(batches) < steps:
        epoch = []
        for home in homes:
            # The random number puts other rows of similar length together in every epoch.
            rows = sorted(home.rows, key=lambda row: len(row[0]) + rng.uniform(0, 16))
            starts = range(0, len(rows), batch_size)
            epoch += [(home.prefix, rows[start : start + batch_size]) for start in starts]
        rng.shuffle(epoch)
        batches += epoch
    return batches[:steps]


def _collate(rows: list[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a pair: inputs and targets, both int64 of shape (rows, length of the longest row - 1).

    A target is the next token if that token belongs to a completion, and IGNORED otherwise.
    """
    longest = max(len(ids) for ids, _ in rows)
    inputs = torch.zeros((len(rows), longest - 1), dtype=torch.long)
    targets = torch.full((len(rows), longest - 1), IGNORED)
    for index, (ids, prompt) in enumerate(rows):
        inputs[index, : len(ids) - 1] = torch.tensor(ids[:-1])
        targets[index, prompt - 1 : len(ids) - 1] = torch.tensor(ids[prompt:])
    return inputs, targets
