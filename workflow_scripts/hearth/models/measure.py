"""Count the parameters of a model."""

import math
from pathlib import Path

from hearth.common.files import read_json_object


def count_parameters(folder: Path) -> int:
    """Count the parameters of the model in `folder` from its safetensors headers; tied embeddings count once."""
    from safetensors import safe_open

    sizes: dict[str, int] = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        with safe_open(path, framework="numpy") as tensors:
            for tensor in tensors.keys():  # noqa: SIM118 - not a dict
                sizes[tensor] = math.prod(tensors.get_slice(tensor).get_shape())
    # Some checkpoints (Qwen3-0.6B for one) store a tied output head a second time.
    if read_json_object(Path(folder) / "config.json").get("tie_word_embeddings"):
        sizes.pop("lm_head.weight", None)
    return sum(sizes.values())
