"""The protocol of engines: requests, decoding settings and completions."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NotRequired, Protocol, TypedDict

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerFast

    from hearth.models.light_tokenizer import LightTokenizer


@dataclass(frozen=True)
class ReasoningBlock:
    """The texts that open and close a reasoning block in a model's chat template, line breaks included."""

    opening: str
    closing: str


@dataclass(frozen=True)
class Request:
    """A request to complete one prompt.

    `suffix` is the prompt's text after the shared prefix. `key` names the request and seeds its sampling. If a server
    applies the chat template, the prefix is the system's turn and the suffix the user's. `schema` is a JSON schema, as
    text, for constrained decoding. `reasoning_block` delimits the reasoning before the answer; None if there is none.
    """

    key: str
    suffix: str
    schema: str | None = None
    reasoning_block: ReasoningBlock | None = None


class ScoredToken(NamedTuple):
    """A generated token: the position in the completion's text at which it ends, and its log-probability."""

    end: int
    log_probability: float


@dataclass(frozen=True)
class ScoreRequest:
    """A request for the log-probabilities of `tokens`, a finished completion, after the shared prefix and `suffix`.

    `suffix` has at least one token.
    """

    key: str
    suffix: str
    tokens: Sequence[int]


class TokenScores(NamedTuple):
    """The likeliest tokens in the place of each token of a request, the likeliest first.

    `top_ids` is int32 and `log_probabilities` float32, both of shape (tokens, k): raw, at temperature 1.
    """

    key: str
    top_ids: "np.ndarray"
    log_probabilities: "np.ndarray"


@dataclass(frozen=True)
class Completion:
    """The text that a model generated for one request.

    `text` keeps special tokens such as <think>, without the end-of-turn token, which `completion_tokens` counts.
    `finish_reason` is 'length' if the model had not ended its turn after max_new_tokens, and 'unanswered' if the model
    was never asked or gave no answer, for the reason `unanswered_reason`; `text` is then ''. `reasoning_forced` is true
    if the engine closed the reasoning; `text` and `completion_tokens` include the closing tokens. `scored_tokens` has
    the tokens of `text`; None unless decoding asks for confidence. Numbers of tokens are None where a server does not
    say them. `oddities` says what is odd about an answer of a server (`chat_answer.Oddity`), and
    `answered_by` who gave it: model, provider and build, as far as the server says them.
    """

    key: str
    text: str
    finish_reason: Literal["stop", "length", "unanswered"]
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_forced: bool = False
    scored_tokens: tuple[ScoredToken, ...] | None = None
    unanswered_reason: str = ""
    oddities: tuple[str, ...] = ()
    answered_by: str = ""

    @classmethod
    def unanswered(cls, key: str, reason: str, prompt_tokens: int = 0) -> "Completion":
        """Return the completion of a request that no answer can be had for; `reason` is for readers of the results."""
        return cls(key, "", "unanswered", prompt_tokens, 0, unanswered_reason=reason)


@dataclass(frozen=True)
class Decoding:
    """The settings of decoding. There are no defaults here: config/schemas/config.schema.yaml has them.

    Temperature 0 is greedy. Otherwise a token is sampled among the `top_k` likeliest (0: all) and the nucleus `top_p`
    (1: all). `constrained` restricts the answer, after any reasoning, to the request's JSON schema. The engine closes
    reasoning that is still open after `reasoning_budget` tokens (None: never). `confidence` 'tokens' adds the
    probability of every token under the model's own distribution: at temperature 1, unwarped and unmasked.

    Raises ValueError, which names the key, for a value out of range.
    """

    temperature: float
    max_new_tokens: int
    top_p: float
    top_k: int
    seed: int
    constrained: bool
    reasoning_budget: int | None
    confidence: Literal["none", "tokens"]

    def __post_init__(self) -> None:
        def check(key: str, kind: type | tuple[type, ...], ok: Callable[[Any], bool], wanted: str) -> None:
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
            wanted = f"null (off) or a whole number from 1 up to less than max_new_tokens, {self.max_new_tokens}"
            check("reasoning_budget", int, lambda v: 1 <= v < self.max_new_tokens, wanted)
        check("confidence", str, lambda v: v in ("none", "tokens"), "none or tokens")

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Decoding":
        """Make a Decoding from a complete mapping. Raises ValueError naming every unknown or missing key."""
        if not isinstance(settings, Mapping):
            raise ValueError(f"decoding: expected a mapping, found {settings!r}")
        keys = {field.name for field in fields(cls)}
        problems = [f"unknown key {key}" for key in sorted(settings.keys() - keys)]
        problems += [f"missing key {key}" for key in sorted(keys - settings.keys())]
        if problems:
            raise ValueError(f"decoding: {', '.join(problems)}; keys are {', '.join(sorted(keys))}")
        return cls(**settings)

    @classmethod
    def greedy(cls, max_new_tokens: int) -> "Decoding":
        """Return greedy decoding of plain text, with every other option off."""
        return cls(
            temperature=0,
            max_new_tokens=max_new_tokens,
            top_p=1.0,
            top_k=0,
            seed=0,
            constrained=False,
            reasoning_budget=None,
            confidence="none",
        )


class Identity(TypedDict):
    """Settings of an engine that decide completions.

    `options` are the engine's options that do so; `served` is the server's description of the model.
    """

    engine: str
    dtype: str
    versions: dict[str, str]
    options: NotRequired[dict[str, Any]]
    served: NotRequired[dict[str, str]]


class Cost(TypedDict):
    """The resources of an engine. `answered_by` names the models that a server says have answered.

    `request_form` says how the form of requests to a server differs from the usual one.
    `peak_memory_bytes` is the peak so far of the GPU's memory or, on a CPU, of the process; None if it is unknown.
    `cached_prompt_tokens` counts the prompt tokens that this process has taken from the prefix cache.
    """

    device: str
    batch_size: int | str
    peak_memory_bytes: int | None
    cached_prompt_tokens: NotRequired[int]
    answered_by: NotRequired[list[str]]
    request_form: NotRequired[list[str]]


class Engine(Protocol):
    """An engine runs one language model. It sees prompts and completions only."""

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast | LightTokenizer | None":
        """The tokenizer whose chat template makes the prompts; None if a server applies the template."""
        ...

    def load(self) -> None:
        """Load the model if it is not loaded yet. Callers do so before they measure the time of completions."""
        ...

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """Complete `prefix + request.suffix` of every request; yield lists of completions that finish together.

        Prefix and suffix are tokenised separately. A request that does not fit the model's context gets a completion
        with finish reason 'unanswered'. Raises ValueError, before anything is generated, for a decoding that the engine
        does not support.
        """
        ...

    def identity(self) -> Identity:
        """Return the engine's name, dtype and library versions."""
        ...

    def cost(self) -> Cost:
        """Return device, batch size and peak memory."""
        ...


class LocalEngine(Engine, Protocol):
    """An engine that has the model's logits, and so can score finished text."""

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The tokenizer whose chat template makes the prompts."""
        ...

    @property
    def vocabulary(self) -> int:
        """The number of the model's logits, which may be padded beyond the tokenizer's tokens."""
        ...

    def score(self, prefix: str, requests: Iterable[ScoreRequest], top_tokens: int) -> Iterator[list[TokenScores]]:
        """Yield the `top_tokens` likeliest tokens in each place of every request; lists finish together.

        Prefix and suffix are tokenised as by `complete`. Raises ValueError if the vocabulary has fewer than
        `top_tokens` tokens, and for a request that does not fit the model's context.
        """
        ...


def request_seed(seed: int, key: str) -> int:
    """Return a seed in [0, 2**31) for a request, a function of `seed` and `key`. Libraries that sample take it."""
    digest = hashlib.sha256(f"{seed}\n{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def require_schema(request: Request) -> str:
    """Return the schema of a request for constrained decoding. Raises ValueError if it has none."""
    if request.schema is None:
        raise ValueError(f"{request.key}: constrained decoding needs a JSON schema, and this request has none")
    return request.schema


def check_top_tokens(top_tokens: int, vocabulary: int) -> None:
    """Raise ValueError unless a vocabulary has `top_tokens` tokens."""
    if not 1 <= top_tokens <= vocabulary:
        raise ValueError(f"teacher_top_tokens is {top_tokens}, but the teacher's vocabulary has {vocabulary} tokens")


def check_scored_length(key: str, tokens: int, context: int) -> None:
    """Raise ValueError if prompt and completion of a request, `tokens` in all, exceed the model's context."""
    if tokens > context:
        raise ValueError(f"{key}: prompt and completion have {tokens} tokens, but the context of the model {context}")


def unanswered_if_too_long(key: str, prompt_tokens: int, decoding: Decoding, context: int) -> Completion | None:
    """Return an unanswered completion if a prompt and max_new_tokens after it exceed the model's context; else None.

    `prompt_tokens` counts the tokens of prefix and suffix; `context` is the length of the context in tokens.
    """
    if prompt_tokens + decoding.max_new_tokens <= context:
        return None
    reason = (
        f"the prompt has {prompt_tokens} tokens and max_new_tokens asks for {decoding.max_new_tokens} more, but the "
        f"model's context has {context}"
    )
    return Completion.unanswered(key, reason, prompt_tokens)
