"""Choose the engine that runs a model, from the config and the model registry."""

from hearth.engines.registry import SERVED_ENGINE, SERVER_ENGINE
from hearth.workflow.config_types import Config, Registry

# Engines whose jobs send prompts to a server, and so need no GPU themselves: one that the user names, or the run's own.
SERVER_ENGINES = (SERVED_ENGINE, SERVER_ENGINE)


def engine_of(model: str, config: Config, registry: Registry) -> str:
    """Return the name of the engine that runs `model`, a name in the registry; "" for "", the base of a baseline.

    `engine.name: auto` stands for vllm if the model's jobs have GPUs, and for transformers if they have none.
    """
    if not model:
        return ""
    if registry[model]["source"] == "served":
        return SERVED_ENGINE
    engine = config["engine"]["name"]
    if engine != "auto":
        return engine
    return "vllm" if gpus_of(model, config, registry) else "transformers"


def gpus_of(model: str, config: Config, registry: Registry) -> int:
    """Return the number of GPUs on which `model`, a name in the registry, runs: none with `engine.device: cpu`."""
    entry = registry[model]
    return 0 if config["engine"]["device"] == "cpu" or entry["source"] == "served" else entry["gpus"]
