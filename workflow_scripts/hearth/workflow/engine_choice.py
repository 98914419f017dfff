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
    engine = config["engine"]
    if engine["name"] != "auto":
        return engine["name"]
    return "vllm" if registry[model]["gpus"] and engine["device"] != "cpu" else "transformers"
