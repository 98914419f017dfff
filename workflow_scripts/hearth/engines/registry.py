"""Make engines by name. An engine's libraries are imported only when it is made."""

from pathlib import Path
from typing import Literal

from hearth.engines.protocol import Engine

# Engines for models that this machine has. `engine.name` in a config is one of them, or chooses how they are used.
LOCAL_ENGINES = ("transformers", "vllm")
# The engine of every served model, whose server is not ours.
SERVED_ENGINE = "openai"
# The engine of models whose server a job of the run starts.
SERVER_ENGINE = "server"


def make_local_engine(
    name: str, folder: Path, adapter: Path | None, dtype: str, device: str, batch_size: int | Literal["auto"]
) -> Engine:
    """Return the engine `name` for the model in `folder`, with a LoRA adapter or None.

    `dtype` and `device` may be 'auto'. `batch_size` counts requests; only the transformers engine takes 'auto'.
    Raises ValueError for an unknown name.
    """
    if name == "transformers":
        from hearth.engines.transformers import TransformersEngine

        return TransformersEngine(folder, adapter, dtype, device, batch_size)
    if name == "vllm":
        from hearth.engines.vllm import VLLMEngine

        if batch_size == "auto":
            raise ValueError("batch size is auto; vllm needs a number")
        return VLLMEngine(folder, adapter, dtype, device, batch_size)
    raise ValueError(f"engine {name!r} is none of {', '.join(LOCAL_ENGINES)}")
