"""Remember how many examples of a rank go through the model at once, and halve that number when memory runs out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import torch
from accelerate.utils.memory import should_reduce_batch_size
from peft import PeftModel

from hearth.common.cli import UserError
from hearth.common.files import write_json
from hearth.common.memory import available_memory_bytes
from hearth.common.records import read_record
from hearth.distillation.memory_estimate import Longest, largest_micro_batch
from hearth.distillation.settings import TrainingSettings
from hearth.models.measure import measure_model

RECORD = "micro_batch.json"
# Assumed: bytes of kernels' workspaces and of communication on a GPU.
_GPU_RESERVE = 1e9
# Part of the available main memory that a training may take: other processes run beside it.
_CPU_SHARE = 0.5
# Tokens of a micro-batch on a CPU: with more, a step is not faster (`make bench-distil`, `shared` and `shared_single`).
_TOKENS_ON_A_CPU = 2048


class MicroBatchRecord(TypedDict):
    """The setting `micro_batch_size` of a run, and the number of examples that fit the memory so far."""

    setting: int | str
    used: int


class MicroBatchSize:
    """The number of examples in a micro-batch; the folder of the run keeps it for the jobs that resume the run."""

    def __init__(self, run: Path, setting: int | str, first: int):
        """Take the recorded number if the run has one for this setting, otherwise `first`."""
        self._path, self.setting = run / RECORD, setting
        self.value = first
        if self._path.exists():
            record = read_record(self._path, MicroBatchRecord)
            if record["setting"] == setting:
                self.value = record["used"]

    def record(self) -> None:
        """Write the number into the folder of the run."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, MicroBatchRecord(setting=self.setting, used=self.value))

    def halve(self, lengths: Sequence[int]) -> None:
        """Halve the number and record it, after memory ran out with examples of `lengths` tokens.

        Raises UserError if they were processed one at a time.
        """
        before = min(self.value, len(lengths))
        if before == 1:
            raise UserError(
                f"out of memory with one example at a time, of at most {max(lengths)} tokens: set "
                "students.training.gradient_checkpointing: true or a lower max_length (longer traces are then left "
                "out), or train on a GPU with more memory"
            )
        self.value = before // 2
        self.record()
        print(f"out of memory with micro-batches of {before}: continuing with {self.value}", flush=True)


def choose_micro_batch_size(
    student: PeftModel, settings: TrainingSettings, longest: Longest, share: int, processes: int
) -> int:
    """Return the largest micro-batch, up to `share` examples, that is estimated to fit the memory of this process.

    The weights are not on the GPU yet. On a CPU, `processes` share the machine's memory, and micro-batches are no
    larger than a step needs to be fast. Return 1 if not even one example fits: the estimate may be too high.
    """
    weights = sum(weights.numel() * weights.element_size() for weights in student.parameters())
    if torch.cuda.is_available():
        memory, most = torch.cuda.mem_get_info()[0] - _GPU_RESERVE - weights, share
    else:
        tokens = longest.own + (0 if settings["shared_prefix"] else longest.prefix)
        memory, most = available_memory_bytes() * _CPU_SHARE / processes, min(share, _TOKENS_ON_A_CPU // tokens)
    shape = measure_model(Path(student.get_base_model().name_or_path))
    value_bytes = student.get_base_model().dtype.itemsize
    return max(1, largest_micro_batch(shape, settings, longest, memory, most, value_bytes))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory of a GPU or of this machine does not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, Exception) and bool(should_reduce_batch_size(error))
