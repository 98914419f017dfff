"""An engine that repeats its prompts, and windows, a prompt and a decoding for it."""

from dataclasses import asdict

from hearth.engines.protocol import Completion, Decoding
from window_factories import complete_window, make_splits

PROMPT = {
    "version": "paper@0",
    "template": "paper",
    "reasoning": "none",
    "labels": ["COOKING", "EATING"],
    "system": "Name the activity of every event.",
}
DECODING = asdict(Decoding.greedy(60)) | {"temperature": 0.8, "top_p": 0.95, "top_k": 20, "seed": 3}


def window(number, split="test", events=3):
    texts = ["kitchen induction stove turned OFF", "living room door opened", "“odd” \u2028 sensor é 🏠"]
    listed = [
        {"id": n + 1, "time": f"12:{number:02d}:0{n}", "description": texts[n % 3] * (1 + number % 3)}
        for n in range(events)
    ]
    window_id = f"home/{split}{number // 4}/{number % 4}"
    return complete_window({"window_id": window_id, "events": listed})


WINDOWS = [window(n, "train" if n % 5 == 0 else "test") for n in range(20)]  # 4 train, 16 test
SPLITS = make_splits({each["session"]: None if each["session"].startswith("train") else 1 for each in WINDOWS}, WINDOWS)


class Tokenizer:
    """A tokenizer that can only render a chat template."""

    def get_chat_template(self):
        return "{{ messages | map(attribute='content') | join('|') }}|answer:"

    def apply_chat_template(self, turns, *, chat_template, **variables):
        assert chat_template == self.get_chat_template()
        return "|".join(turn["content"] for turn in turns) + "|answer:"


class Echo:
    """An engine that repeats its prompt and records the keys of its batches."""

    tokenizer = Tokenizer()

    def __init__(self, batch_size=3, fail_after=None):
        self.batch_size, self.fail_after, self.batches = batch_size, fail_after, []

    def load(self):
        pass

    def complete(self, prefix, requests, decoding):
        requests = list(requests)
        for first in range(0, len(requests), self.batch_size):
            if len(self.batches) == self.fail_after:
                raise KeyboardInterrupt
            batch = requests[first : first + self.batch_size]
            self.batches.append([request.key for request in batch])
            yield [Completion(r.key, prefix + r.suffix, "stop", len(prefix + r.suffix), 7) for r in batch]

    def identity(self):
        return {"engine": "echo", "dtype": "float32", "versions": {}}

    def cost(self):
        return {"device": "cpu", "batch_size": self.batch_size, "peak_memory_bytes": 1}
