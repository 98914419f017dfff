"""Make samples of one window, and the vote of them, for the tests of recipes that learn from samples."""

from pathlib import Path

from hearth.prompting.parsing import parse
from hearth.recognition.voting import vote
from trace_factories import HOME, answer_text


def make_sample(labels, seed=0, text=None, window_id="made-up/1/0", tokens=9, finish_reason="stop", thought="Hm."):
    """Return the parsed sample that answers with `labels`, or with `text`, after a thought."""
    text = f"<think>\n{thought}\n</think>\n\n{answer_text(labels)}" if text is None else text
    answer = parse(text, len(labels), HOME["labels"], finish_reason)
    return {
        "window_id": window_id,
        "text": text,
        "finish_reason": finish_reason,
        "prompt_tokens": 5,
        "completion_tokens": tokens,
        "seed": seed,
        "reasoning": answer.reasoning,
        "labels": answer.labels,
        "status": answer.status,
        "lenient_labels": answer.labels,
        "lenient_status": answer.status,
    }


def vote_on(samples):
    """Return the vote of the samples of one window."""
    (voted,) = vote([[sample] for sample in samples], [Path(f"{sample['seed']}.jsonl") for sample in samples])
    return voted
