"""Arguments of vLLM that its engine in a job and its server share."""

from pathlib import Path

from hearth.common.files import read_json_object
from hearth.models.snapshot import ModelError

# Bytes of the key-value cache on a CPU, where vLLM would otherwise take nearly all memory of the machine.
CPU_CACHE_BYTES = 2 * 2**30
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


def max_lora_rank(adapter: Path) -> int:
    """Return the lowest LoRA rank that vLLM offers and that the adapter fits. Raises ModelError if there is none."""
    rank: int = read_json_object(adapter / "adapter_config.json")["r"]
    ranks = [offered for offered in _LORA_RANKS if offered >= rank]
    if not ranks:
        raise ModelError(f"{adapter}: rank {rank} is more than vLLM's {_LORA_RANKS[-1]}")
    return ranks[0]
