"""The engine that asks a server: one that speaks OpenAI's chat completions, on the next node or across the world."""

import functools
import importlib.metadata
import itertools
import json
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from urllib.parse import urlsplit

import openai

from hearth.common.cli import UserError
from hearth.engines import Completion, Decoding, Request, request_seed

log = logging.getLogger(__name__)

KEY = "OPENAI_API_KEY"
# Of a server's own words in an error message.
_LONGEST = 300


class OpenAIEngine:
    """The model that the server at `base_url` calls `model`, behind the `Engine` protocol.

    The server places the turns in its model's chat template: here a prefix is the system's turn, a suffix the user's.
    `interface` says what it understands: `openai`, the published API and no more; `vllm`, beside it top_k and a switch
    for thinking, as vLLM, SGLang and llama.cpp do. Up to `batch_size` requests are under way at a time. One that takes
    longer than `timeout` seconds, or failed in passing, is sent again up to `retries` times, after growing pauses.

    Weights, precision and batches are the server's: nothing here promises the same answer twice, although every request
    carries a seed. A prompt that does not fit the model's context is known to the server only, which refuses it when it
    comes. A key comes from the environment variable OPENAI_API_KEY and nowhere else; a server of one's own needs none.
    """

    tokenizer = None

    def __init__(
        self,
        model: str,
        base_url: str,
        interface: str = "vllm",
        batch_size: int = 16,
        timeout: float = 600.0,
        retries: int = 5,
    ):
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1")
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise UserError(
                f"base_url of the model {model} must be http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1, "
                f"without user name, password or query; a key belongs into the environment variable {KEY}"
            )
        # A line a request would fill a log.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self.model, self.base_url, self.batch_size = model, base_url, batch_size
        self._extended, self._timeout, self._tries = interface == "vllm", timeout, retries + 1
        self._key = os.environ.get(KEY, "")
        self._client = openai.OpenAI(
            base_url=base_url, api_key=self._key or "none", timeout=timeout, max_retries=retries
        )
        self._answered_by: set[str] = set()

    def load(self) -> None:
        """See `Engine.load`: whether the server is there and has the model. Raises UserError."""
        _ = self._served

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`. Before an error is raised, what was under way is waited for and yielded."""
        self._refuse_what_servers_cannot(decoding)
        waiting = iter(requests)
        with ThreadPoolExecutor(self.batch_size) as pool:

            def ask(request: Request):
                return pool.submit(self._ask, prefix, request, decoding)

            running, failed = {ask(request) for request in itertools.islice(waiting, self.batch_size)}, []
            while running:
                over, running = wait(running, return_when=FIRST_COMPLETED)
                failed += [future for future in over if future.exception()]
                if not failed:
                    running |= {ask(request) for request in itertools.islice(waiting, len(over))}
                if completions := [future.result() for future in over if not future.exception()]:
                    yield completions
            if failed:
                raise failed[0].exception()

    def identity(self) -> dict:
        """See `Engine.identity`; beside them what the server says of the model, not where the server is."""
        versions = {"openai": importlib.metadata.version("openai")}
        return {"engine": "openai", "dtype": "as served", "versions": versions, "served": self._served}

    def cost(self) -> dict:
        """See `Engine.cost`; of its memory a server says nothing, of which model answered it does."""
        return {
            "device": "server",
            "batch_size": self.batch_size,
            "peak_memory_bytes": None,
            "answered_by": sorted(self._answered_by),
        }

    @functools.cached_property
    def _served(self) -> dict:
        """What the server says of the model. Raises UserError where it has none of that name."""
        try:
            cards = {card.id: card for card in self._client.models.list().data}
        except openai.NotFoundError:
            log.warning("%s does not list its models, so nothing more is known of %s", self.base_url, self.model)
            return {"id": self.model}
        except openai.OpenAIError as error:
            raise self._problem(error) from None
        except (ValueError, AttributeError, TypeError):
            raise UserError(f"{self.base_url}/models: this is no list of models; is engine.base_url right?") from None
        if self.model not in cards:
            names = ", ".join(sorted(map(str, cards))) or "none"
            raise UserError(f"{self.base_url} has no model {self.model!r}, it has: {names}; correct served_model")
        said = {name: getattr(cards[self.model], name, None) for name in ("owned_by", "root")}
        return {"id": self.model} | {name: value for name, value in said.items() if isinstance(value, str)}

    def _refuse_what_servers_cannot(self, decoding: Decoding) -> None:
        unable = {
            "reasoning_budget": decoding.reasoning_budget is not None and "no server closes a model's reasoning",
            "confidence": decoding.confidence != "none" and "servers do not say what their probabilities are of",
            "top_k": decoding.top_k > 0 and not self._extended and "OpenAI's interface has none; set 0",
        }
        for key, why in unable.items():
            if why:
                raise UserError(f"decoding: {key} is not possible with the served model {self.model}: {why}")

    def _ask(self, system: str, request: Request, decoding: Decoding) -> Completion:
        if decoding.constrained and request.schema is None:
            raise ValueError(f"{request.key}: constrained decoding needs a JSON schema, and this request has none")
        try:
            answer = self._client.chat.completions.create(
                model=self.model,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": request.suffix}],
                temperature=decoding.temperature,
                top_p=decoding.top_p,
                max_tokens=decoding.max_new_tokens,
                seed=request_seed(decoding.seed, request.key),
                response_format=_held_to(request.schema) if decoding.constrained else openai.omit,
                extra_body=self._extensions(request, decoding) if self._extended else None,
            )
        except openai.OpenAIError as error:
            raise self._problem(error, request.key) from None
        except ValueError:
            raise UserError(
                f"{self.base_url}: {request.key}: the answer is no JSON; is engine.base_url right?"
            ) from None
        return self._completion(request.key, answer)

    @staticmethod
    def _extensions(request: Request, decoding: Decoding) -> dict:
        """What vLLM takes beside the published API: decoding is said whole, since a server has defaults of its own."""
        return {
            "top_k": decoding.top_k or -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "chat_template_kwargs": {"enable_thinking": request.thought is not None},
        }

    def _completion(self, key: str, answer) -> Completion:
        """The completion in a chat completion. Raises UserError where it is none: the client checks little."""
        try:
            choice, usage = answer.choices[0], answer.usage
            completion = Completion(
                key=key,
                text=_text(choice.message, cut=choice.finish_reason == "length"),
                finish_reason="length" if choice.finish_reason == "length" else "stop",
                prompt_tokens=int(usage.prompt_tokens),
                completion_tokens=int(usage.completion_tokens),
            )
        except (AttributeError, IndexError, TypeError, ValueError):
            raise UserError(
                f"{self.base_url}: {key}: the answer is no chat completion with a choice and its usage: "
                f"{self._quoted(answer)}"
            ) from None
        if choice.finish_reason not in ("stop", "length"):
            log.warning("%s: the server ended this answer for %r", key, choice.finish_reason)
        self._answered_by.add(" ".join(filter(None, (answer.model, getattr(answer, "system_fingerprint", None)))))
        return completion

    def _problem(self, error: openai.OpenAIError, key: str = "") -> UserError:
        """What went wrong and what to do about it; nothing of a key or of headers is in it."""
        where = f"{self.base_url}: {key}" if key else self.base_url
        match error:
            case openai.APITimeoutError():
                said = (
                    f"no answer within {self._timeout:g} s, {self._tries} times over; is the server overloaded? Lower "
                    "engine.batch_size or raise engine.timeout"
                )
            case openai.APIConnectionError():
                cause = type(error.__cause__).__name__ if error.__cause__ else "no connection"
                said = f"cannot be reached ({cause}); is the server running, and engine.base_url right?"
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                given = "refuses the key of" if self._key else "asks for a key; set"
                said = f"the server {given} the environment variable {KEY} (status {error.status_code})"
            case openai.RateLimitError():
                said = (
                    f"too many requests, or the account is spent (status 429, {self._tries} times over); lower "
                    f"engine.batch_size, or go on later: {self._quoted(error.message)}"
                )
            case openai.InternalServerError():
                said = f"the server failed (status {error.status_code}, {self._tries} times over); see its log"
            case openai.APIStatusError():
                said = f"the server refuses the request (status {error.status_code}): {self._quoted(error.message)}"
                if self._extended:
                    said += "; if it names top_k or chat_template_kwargs, the registry wants `interface: openai`"
            case _:
                said = f"the answer cannot be read: {self._quoted(error)}"
        return UserError(f"{where}: {said}")

    def _quoted(self, said: object) -> str:
        text = " ".join(str(said).split())
        return (text.replace(self._key, "***") if self._key else text)[:_LONGEST]


def _held_to(schema: str) -> dict:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": json.loads(schema)}}


def _text(message, cut: bool) -> str:
    """What the model wrote: reasoning that the server has split off goes back before the answer, as it was written."""
    reasoning = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    answer = message.content or ""
    if not reasoning:
        return answer
    return f"<think>{reasoning}" if cut and not answer else f"<think>{reasoning}</think>{answer}"
