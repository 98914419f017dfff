"""Remember how many examples of a rank go through the model at once, and halve that number when memory runs out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import torch
from accelerate.utils.memory import should_reduce_batch_size

from hearth.common.cli import UserError
from hearth.common.files import write_json
from hearth.common.records import read_record

RECORD = "micro_batch.json"


class MicroBatchRecord(TypedDict):
    """The setting `micro_batch_size` of a run, and the number of examples that fit the memory so far."""

    setting: int | str
    used: int


class MicroBatchSize:
    """The number of examples in a micro-batch; the folder of the run keeps it for the jobs that resume the run."""

    def __init__(self, run: Path, setting: int | str, first: int):
        """Take the recorded number if the run has one for this setting, otherwise `first`."""
        self._path, self._setting = run / RECORD, setting
        self.value = first
        if self._path.exists():
            record = read_record(self._path, MicroBatchRecord)
            if record["setting"] == setting:
                self.value = record["used"]

    def record(self) -> None:
        """Write the number into the folder of the run."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, MicroBatchRecord(setting=self._setting, used=self.value))

    def halve(self, lengths: Sequence[int]) -> None:
        """Halve the number and record it, after memory ran out with examples of `lengths` tokens.

        Raises UserError if they were processed one at a time.
        """
        before = min(self.value, len(lengths))
        if before == 1:
            raise UserError(
                f"out of memory with one example at a time, of at most {max(lengths)} tokens: set "
                "students.training.gradient_checkpointing: true or a lower max_length, or train on a GPU with more "
                "memory"
            )
        self.value = before // 2
        self.record()
        print(f"out of memory with micro-batches of {before}: continuing with {self.value}", flush=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory of a GPU or of this machine does not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, Exception) and bool(should_reduce_batch_size(error))
