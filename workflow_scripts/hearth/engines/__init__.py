"""Engines: a prefix and many suffixes in, completions out. One small class an engine, behind one protocol."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Literal, Protocol


@dataclass(frozen=True)
class Thought:
    """How a model's chat template sets reasoning apart: what opens and what closes it, line breaks included."""

    opening: str
    closing: str


@dataclass(frozen=True)
class Request:
    """One prompt: what follows the shared prefix, and a key that names it and seeds its sampling.

    Where a server places the turns in its chat template, prefix and suffix are the system's turn and the user's.
    `schema` is the JSON schema, as text, that constrained decoding holds the answer to; `thought` says how
    reasoning comes before the answer, None where none does.
    """

    key: str
    suffix: str
    schema: str | None = None
    thought: Thought | None = None


@dataclass(frozen=True)
class Completion:
    """What a model wrote for one request.

    `text` keeps special tokens such as <think>, without the end-of-turn token, which `completion_tokens`
    counts. `finish_reason` is 'length' when the model had not ended its turn after max_new_tokens.
    `reasoning_forced` says that the engine closed the reasoning: those tokens are in text and count too. `pieces` has,
    for every token, where it ends in `text` and its log-probability, where confidence was asked for.
    """

    key: str
    text: str
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    reasoning_forced: bool = False
    pieces: tuple[tuple[int, float], ...] | None = None


@dataclass(frozen=True)
class Decoding:
    """How tokens are chosen: greedy at temperature 0, else sampled among `top_k` (0: all) and `top_p` (1: all).

    `constrained` holds the answer, once reasoning is over, to each request's JSON schema. Reasoning that has not closed
    within `reasoning_budget` tokens (None: no such limit) is closed by the engine. `confidence` 'tokens' asks for
    the probability of every token under the model's own distribution: at temperature 1, unwarped and unmasked.
    """

    temperature: float
    max_new_tokens: int
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    constrained: bool = False
    reasoning_budget: int | None = None
    confidence: Literal["none", "tokens"] = "none"

    def __post_init__(self):
        def check(key: str, kind: type | tuple, ok, wanted: str) -> None:
            value = getattr(self, key)
            if isinstance(value, bool) != (kind is bool) or not isinstance(value, kind) or not ok(value):
                raise ValueError(f"decoding: {key} is {value!r}; it must be {wanted}")

        check("temperature", (int, float), lambda v: 0 <= v < math.inf, "a number from 0 (greedy) up")
        check("max_new_tokens", int, lambda v: v >= 1, "a whole number from 1 up")
        check("top_p", (int, float), lambda v: 0 < v <= 1, "a number above 0 and at most 1")
        check("top_k", int, lambda v: v >= 0, "a whole number from 0 (off) up")
        check("seed", int, lambda v: 0 <= v < 2**63, "a whole number from 0 up")
        check("constrained", bool, lambda v: True, "true or false")
        if self.reasoning_budget is not None:
            fits = f"null (off) or a whole number from 1 up to less than max_new_tokens, {self.max_new_tokens}"
            check("reasoning_budget", int, lambda v: 1 <= v < self.max_new_tokens, fits)
        check("confidence", str, lambda v: v in ("none", "tokens"), "none or tokens")

    @classmethod
    def of(cls, settings: dict) -> "Decoding":
        """The decoding that a mapping (of config) says. Raises ValueError naming an unknown or missing key."""
        if not isinstance(settings, dict):
            raise ValueError(f"decoding: expected a mapping, found {settings!r}")
        known = {field.name for field in fields(cls)}
        unknown, missing = sorted(settings.keys() - known), sorted({"temperature", "max_new_tokens"} - settings.keys())
        if unknown or missing:
            problems = [f"unknown key {key}" for key in unknown] + [f"missing key {key}" for key in missing]
            raise ValueError(f"decoding: {', '.join(problems)}; keys are {', '.join(sorted(known))}")
        return cls(**settings)


class Engine(Protocol):
    """What runs a language model. It knows prompts and completions, and nothing of what they are about."""

    def load(self) -> None:
        """Get ready to complete, once: what this takes is no time of any completion."""
        ...

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """Complete `prefix + request.suffix` of every request; yield the completions that finish together.

        Prefix and suffix are tokenised apart. Raises ValueError, before anything is generated, naming the
        requests that do not fit the model's context, and for a decoding that the engine is not capable of.
        """
        ...

    def identity(self) -> dict:
        """Name, dtype and library versions: what decides completions beside model, prompt and decoding."""
        ...

    def cost(self) -> dict:
        """Device, batch size and peak memory in bytes of this process so far."""
        ...


def request_seed(seed: int, key: str) -> int:
    """A seed from 0 up to 2**31 for the request `key`, for engines whose sampling is not our own."""
    digest = hashlib.sha256(f"{seed}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def check_lengths(prefix: int, suffixes: dict[str, int], decoding: Decoding, context: int) -> None:
    """Raise ValueError unless all prompts, lengths in tokens by key, and what is written after them fit the context."""
    longest = context - decoding.max_new_tokens - prefix
    long = {key: length for key, length in suffixes.items() if length > longest}
    if long:
        key = max(long, key=long.get)
        raise ValueError(
            f"{len(long)} of {len(suffixes)} prompts do not fit the model's context of {context} tokens: "
            f"{key} has {prefix + long[key]}, {prefix} of them the static prefix, and max_new_tokens asks for "
            f"{decoding.max_new_tokens} more; lower max_new_tokens or use a model with a longer context"
        )
