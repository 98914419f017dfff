"""Make windows and traces for the tests of distillation, and run distil.py on them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from hearth.common import files
from hearth.distillation.candidates import TrainingFiles
from hearth.distillation.example_parts import Source
from hearth.distillation.examples import Examples, open_examples, write_examples
from hearth.distillation.settings import deciding_settings
from repository import REPOSITORY, SCRIPTS
from window_factories import make_splits

AUDIT_HEAD = {"recogniser": "big", "dataset": "toy", "prompt": {"version": "v", "reasoning": "think"}}
LABELS = ["cooking", "drinking water, coffee or drinks", "grabing tableware"]
PROMPT = {
    "version": "test@000000000000",
    "template": "test",
    "reasoning": "think",
    "labels": LABELS,
    "system": "You name the activity behind every event.\nLabels: " + "; ".join(LABELS),
}
SETTINGS = {
    "lora": {"r": 4, "alpha": 8, "dropout": 0.05, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    "learning_rate": 0.01,
    "epochs": 2,
    "batch_size": 4,
    "micro_batch_size": 2,
    "warmup_ratio": 0.1,
    "max_length": 2048,
    "seed": 7,
    "gradient_checkpointing": False,
    "shared_prefix": True,
    "save_steps": 3,
    "truncated_traces": "keep",
    "max_examples": None,
}


def make_windows(count: int) -> list[dict]:
    """Return `count` train windows of two events each, and one test window in a session of its own."""
    windows = []
    for index in range(count + 1):
        first = LABELS[index % len(LABELS)]
        session = f"s{index % 3}" if index < count else "tested"
        windows.append(
            {
                "window_id": f"toy/{session}/{index}",
                "dataset": "toy",
                "session": session,
                "index": index,
                "events": [
                    {"id": 1, "time": "08:00:00", "description": f"kitchen stove turned ON {index}"},
                    {"id": 2, "time": "08:00:07", "description": "kitchen fridge opened"},
                ],
                "gold": [first, LABELS[0]],
                "residents": [["200"], ["201"]],
            }
        )
    return windows


def split_windows(windows: list[dict]) -> dict:
    """Return the content of splits.json, in which only the session "tested" is tested."""
    sessions = [*(window["session"] for window in windows), "tested"]
    return make_splits({session: 1 if session == "tested" else None for session in sessions}, windows)


def make_traces(windows: list[dict]) -> list[dict]:
    """Return a finished trace with reasoning for every train window."""
    return [
        {
            "window_id": window["window_id"],
            "text": "<think>\nThe stove was used.\n</think>\n\n"
            + json.dumps([{"id": i, "activity": label} for i, label in enumerate(window["gold"], start=1)]),
            "finish_reason": "stop",
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "seed": 0,
        }
        for window in windows
        if window["session"] != "tested"
    ]


def build_examples(
    traces, windows, prompt, tokenizer, recipe, settings, parsed=None, audit=None, traces_split="train1"
) -> Examples:
    """Write windows and other documents (lists of rows) to files, and return the training examples made from them."""
    with TemporaryDirectory() as folder:
        documents = {"windows": windows, "traces": traces, "parsed": parsed, "audit": audit}
        paths = {name: rows and Path(folder) / f"{name}.jsonl" for name, rows in documents.items()}
        for name, path in paths.items():
            if path:
                files.write_json_lines(path, [AUDIT_HEAD] * (name == "audit") + documents[name])
        splits, examples = Path(folder) / "splits.json", Path(folder) / "examples"
        files.write_json(splits, split_windows(windows))
        training_files = TrainingFiles(splits=splits, split="train1", traces_split=traces_split, **paths)
        write_examples(examples, [Source(training_files, prompt, recipe)], tokenizer, settings)
        return open_examples(examples)


class Training:
    """The inputs of one student in the folder `folder`, and runs of distil.py under torchrun on them."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        windows: int = 24,
        ranks: int = 1,
        zero: int = 2,
        dtype: str = "auto",
        **settings,
    ):
        self.folder, self.model, self.ranks, self.zero, self.dtype = folder, model, ranks, zero, dtype
        self.settings = {**SETTINGS, **settings}
        folder.mkdir(parents=True, exist_ok=True)
        rows = make_windows(windows)
        files.write_json_lines(folder / "windows.jsonl", rows)
        files.write_json(folder / "splits.json", split_windows(rows))
        files.write_json_lines(folder / "traces.jsonl", make_traces(rows))
        files.write_json(folder / "prompt.json", PROMPT)

    @property
    def options(self) -> dict[str, object]:
        return {
            "student": "tiny-student",
            "model": self.model,
            "teacher": "big",
            "traces": self.folder / "traces.jsonl",
            "traces-split": "train1",
            "windows": self.folder / "windows.jsonl",
            "splits": self.folder / "splits.json",
            "split": "train1",
            "prompt": self.folder / "prompt.json",
            "recipe": "reasoning",
            "training": json.dumps(deciding_settings(self.settings)),
            "micro-batch-size": self.settings["micro_batch_size"],
            "save-steps": self.settings["save_steps"],
            "deepspeed": REPOSITORY / "config" / "deepspeed" / f"zero{self.zero}.json",
            "dtype": self.dtype,
            "notes": json.dumps(["Simulated home."]),
            "work": self.folder / "work",
            "adapter": self.folder / "out" / "adapter",
            "training-log": self.folder / "out" / "training_log.json",
            "card": self.folder / "out" / "model_card.md",
            "stats": self.folder / "out" / "training.stats.json",
        }

    @property
    def command(self) -> list[str]:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={self.ranks}"]
        flags = []
        for name, value in self.options.items():
            flags += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
        return [*torchrun, str(SCRIPTS / "distil.py"), *flags]

    def start(self) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with open(self.folder / "log.txt", "a") as log:
            return subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def run(self) -> int:
        return self.start().wait(timeout=300)

    def interrupt(self, step: int, signal_number: signal.Signals, delay: float = 0) -> int:
        """Start a training, wait for the log line of `step` and another `delay` seconds, and send torchrun a signal.

        SIGKILL is sent to the ranks too. Return torchrun's exit status once the ranks have ended.
        """
        process = self.start()
        deadline = time.monotonic() + 300
        while f"step {step}/" not in self.log:
            assert process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)
        time.sleep(delay)
        ranks = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal_number)
        if signal_number == signal.SIGKILL:
            for rank in ranks:
                rank.kill()
        psutil.wait_procs(ranks, timeout=120)
        return process.wait(timeout=120)

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    @property
    def adapter(self) -> bytes:
        return (self.folder / "out" / "adapter" / "adapter_model.safetensors").read_bytes()

    @property
    def checkpoints(self) -> list[Path]:
        """Return the folders of the checkpoints of all runs, the latest step first."""
        paths = (self.folder / "work").glob("*/checkpoint-*")
        return sorted(paths, key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
