"""Check what a config asks of served models: a server, and no more than the server's interface has."""

import re
from collections.abc import Iterator, Mapping, Sequence

from hearth.common.schemas import Problem
from hearth.workflow.config_types import Config, Model, Registry
from hearth.workflow.recognisers import recognisers

_SERVER_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/%-]*)?")


def server_problems(
    config: Config, registry: Registry, bases: Mapping[tuple[str, ...], Sequence[str]]
) -> Iterator[Problem]:
    """Yield a problem for each served model that is to become a student or has no usable server.

    `bases` is a dict from a path in the config to the list of base models of students there. No message repeats a URL,
    because it may hold a password.
    """
    served = _served(registry)
    for path, names in bases.items():
        for index, name in enumerate(names):
            if name in served:
                yield [*path, index], f"{name!r} is served: the run lacks its weights, so no student can be made of it"
    teachers = {group["teacher"].partition("_")[0] for group in config["students"]["groups"].values()}
    for name in sorted({*config["models"], config["teacher"], *teachers} & served.keys()):
        own = served[name]["base_url"]
        if not (url := own or config["engine"]["base_url"]):
            yield ["engine", "base_url"], f"{name!r} is a served model: set this to the URL of its server"
        elif not _SERVER_URL.fullmatch(url):
            subject = f"in {config['model_registry']}, {name}.base_url" if own else f"the server of {name!r}"
            yield (
                ["model_registry"] if own else ["engine", "base_url"],
                f"{subject} must be http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1, without "
                "user name, password or query; put a key into the environment variable OPENAI_API_KEY",
            )


def served_decoding_problems(config: Config, registry: Registry) -> Iterator[Problem]:
    """Yield a problem for each setting of decoding that a served model's interface lacks; its names must exist."""
    served, said = _served(registry), set()
    for recogniser in recognisers(config).values():
        if (model := served.get(recogniser.base)) is None or (decoding := recogniser.decoding) is None:
            continue
        published = model["interface"] == "openai"
        reasons = {
            "confidence": decoding["confidence"] != "none"
            and "servers do not say which distribution their log-probabilities come from; set it to none",
            "reasoning_budget": published
            and decoding["reasoning_budget"] is not None
            and "OpenAI's interface cannot close a model's reasoning; set it to null",
            "top_k": published and decoding["top_k"] > 0 and "OpenAI's interface has no top_k; set it to 0",
        }
        for key, reason in reasons.items():
            if reason and (recogniser.base, key) not in said:
                said.add((recogniser.base, key))
                yield ["decoding", key], f"not possible with the served model {recogniser.base!r}: {reason}"


def _served(registry: Registry) -> dict[str, Model]:
    return {name: spec for name, spec in registry.items() if spec["source"] == "served"}
