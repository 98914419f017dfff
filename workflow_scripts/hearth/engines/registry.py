"""Make engines by name. An engine's libraries are imported only when it is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hearth.engines.protocol import LocalEngine

# Engines for models that this machine has. `engine.name` in a config is one of them, or chooses how they are used.
LOCAL_ENGINES = ("transformers", "vllm")
# The engine of every served model, whose server is not ours.
SERVED_ENGINE = "openai"
# The engine of models whose server a job of the run starts.
SERVER_ENGINE = "server"


@dataclass(frozen=True)
class VLLMSettings:
    """Settings of the vLLM engine alone; see `hearth.engines.vllm.VLLMEngine`."""

    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    cache: Path | None = None
    scores: bool = False


def make_local_engine(
    name: str,
    folder: Path,
    adapter: Path | None,
    dtype: str,
    device: str,
    batch_size: int | Literal["auto"],
    vllm: VLLMSettings | None = None,
) -> LocalEngine:
    """Return the engine `name` for the model in `folder`, with a LoRA adapter or None.

    `dtype`, `device` and `batch_size`, which counts requests, may be 'auto'. `vllm` is for the engine of that name.
    Raises ValueError for an unknown name.
    """
    if name == "transformers":
        from hearth.engines.transformers import TransformersEngine

        return TransformersEngine(folder, adapter, dtype, device, batch_size)
    if name == "vllm":
        from hearth.engines.vllm import VLLMEngine

        settings = vllm or VLLMSettings()
        parallel = (settings.tensor_parallel, settings.pipeline_parallel)
        options, cache, scores = settings.options, settings.cache, settings.scores
        return VLLMEngine(folder, adapter, dtype, device, batch_size, *parallel, options, cache, scores)
    raise ValueError(f"engine {name!r} is none of {', '.join(LOCAL_ENGINES)}")
