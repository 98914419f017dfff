"""Derive the decoding of recognisers from a checked config: its settings, and one recogniser for each seed of sampling.

A recogniser is named after its first seed without a suffix, and `<name>_decode<seed>` with each further one, so that
adding a seed renames nothing and repeats no recognition.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from hearth.common.schemas import Problem
from hearth.workflow.config_types import Config, Decoding, DecodingSettings, PromptSettings

# The part of a variant's name that stands for a further seed; no variant of the config may have such a name.
SEED_VARIANT = re.compile(r"decode[0-9]+")


def decoding_settings(
    config: Config, prompt: PromptSettings, changes: Mapping[str, Any] | None = None
) -> DecodingSettings:
    """Return the decoding of a recogniser with this prompt and these `changes` of its own.

    `decoding_without_reasoning` applies to a recogniser that answers without reasoning in a run whose own prompt asks
    for reasoning, unless the run decodes greedily.
    """
    settings: dict[str, Any] = {**config["decoding"]}
    answers_only = prompt["reasoning"] == "none" and config["prompt"]["reasoning"] != "none"
    if answers_only and settings["temperature"] > 0:
        settings |= config["decoding_without_reasoning"]
    return cast(DecodingSettings, settings | dict(changes or {}))


def with_seed(settings: DecodingSettings, seed: int) -> Decoding:
    """Return the settings of one sample, as an engine takes them."""
    return cast(Decoding, {key: value for key, value in settings.items() if key != "seeds"} | {"seed": seed})


def seed_suffixes(seeds: Sequence[int]) -> list[str]:
    """Return what follows a recogniser's name for each of its seeds: "" for the first, "_decode<seed>" for others."""
    return ["", *(f"_decode{seed}" for seed in seeds[1:])]


def sample_seeds(seeds: Sequence[int], count: int) -> list[int]:
    """Return `count` seeds: the first of `seeds` and, if they are too few, the smallest numbers not among them."""
    further = (seed for seed in itertools.count() if seed not in seeds)
    return list(itertools.islice(itertools.chain(seeds, further), count))


def decoding_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each greedy decoding with several seeds, and for each variant whose samples make no sense."""
    greedy = "greedy decoding (temperature 0) gives the same answer with every seed; "
    one_seed = greedy + "set `seeds` beside it to a list of one seed"
    settings = config["decoding"]
    if settings["temperature"] == 0 and len(settings["seeds"]) > 1:
        yield ["decoding", "seeds"], one_seed
    without_reasoning = {**settings, **config["decoding_without_reasoning"]}
    if settings["temperature"] > 0 == without_reasoning["temperature"] and len(without_reasoning["seeds"]) > 1:
        yield ["decoding_without_reasoning"], one_seed
    for name, spec in config["variants"].items():
        if SEED_VARIANT.fullmatch(name):
            yield ["variants", name], f"{name!r} would name a seed of `decoding.seeds`; choose another name"
        prompt = cast(PromptSettings, {**config["prompt"], **spec["prompt"]})
        own = decoding_settings(config, prompt, spec["decoding"])
        if spec["decoding"] and own["temperature"] == 0 and len(own["seeds"]) > 1:
            yield ["variants", name, "decoding"], one_seed
        if spec["self_consistency"] and (spec["prompt"] or spec["decoding"]):
            message = "it takes samples of the recognisers in `of` as they are; remove `prompt` and `decoding`"
            yield ["variants", name, "self_consistency"], message
        elif spec["self_consistency"] and settings["temperature"] == 0:
            yield ["variants", name, "self_consistency"], greedy + "so a majority of samples is that answer"
