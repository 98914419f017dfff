"""The stats file of a job: time, tokens, memory and energy of a recognition shard or a training.

No score depends on it.
"""

from pathlib import Path
from typing import Any, NotRequired, TypedDict

from hearth.common.records import read_record


class JobStats(TypedDict):
    """Stats of one job of recognition or training. `seconds` excludes loading the model.

    Recognition counts `windows` and their tokens; training counts `examples` over all epochs. Energy is that of the
    whole job. A key is absent, or None, if it does not apply or was not measured. `options` are the engine's options
    that decide results. `cached_prompt_tokens` are counted since the last start of the job. For a served model,
    `served` is the server's description of it, and `answered_by` names the models that the server says have answered,
    and `request_form` how the form of requests differs from the usual one. `warnings` says what is odd about the
    answers of the whole shard.
    """

    seconds: float
    windows: NotRequired[int]
    examples: NotRequired[int]
    prompt_tokens: NotRequired[int | None]
    completion_tokens: NotRequired[int | None]
    energy_joules: NotRequired[float | None]
    peak_memory_bytes: NotRequired[int | None]
    device: NotRequired[str]
    dtype: NotRequired[str | None]
    engine: NotRequired[str]
    batch_size: NotRequired[int | str | None]
    versions: NotRequired[dict[str, str]]
    options: NotRequired[dict[str, Any]]
    cached_prompt_tokens: NotRequired[int]
    served: NotRequired[dict[str, str]]
    answered_by: NotRequired[list[str]]
    request_form: NotRequired[list[str]]
    warnings: NotRequired[list[str]]


def read_job_stats(path: Path) -> JobStats:
    """Read a stats file. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, JobStats)
