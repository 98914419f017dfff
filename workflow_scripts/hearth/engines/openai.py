"""The engine for servers with OpenAI's chat-completions API."""

import functools
import importlib.metadata
import itertools
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import openai

from hearth.common.cli import UserError
from hearth.engines.protocol import Completion, Cost, Decoding, Identity, Request, request_seed, require_schema
from hearth.engines.registry import SERVED_ENGINE
from hearth.engines.server_connection import Address, Connection, UnreachableError

log = logging.getLogger(__name__)

KEY = "OPENAI_API_KEY"
# Tokens by which vLLM may exceed a reasoning budget: it also counts the tags around the reasoning.
_BUDGET_SLACK = 8
# Finish reasons of answers that vLLM cut off because it was stopped or failed. These answers are not the model's.
_CUT_OFF = ("abort", "error")
# Messages of vLLM, SGLang, llama.cpp and OpenAI for a prompt that does not fit.
_CONTEXT = re.compile(r"context[ _]?(length|size|window)|max_model_len", re.IGNORECASE)
_MAX_QUOTE = 300  # characters of a server's own message in an error


class OpenAIEngine:
    """Run the model that the server at `base_url` calls `model`. See `Engine` for the protocol.

    The server applies the chat template: the prefix is the system's turn, a suffix the user's. `interface` says what
    the server understands. `openai` is the published API only; `vllm` adds top_k and a switch for thinking, as vLLM,
    SGLang and llama.cpp do, and vLLM's reasoning budget. Up to `batch_size` requests run at a time. A request that
    takes longer than `timeout` seconds, or fails temporarily, is sent again up to `retries` times, after growing
    pauses. While no server answers, a request waits up to `wait` seconds for one.

    The server decides weights, precision and batches, so a repeated request may get another answer, although every
    request carries a seed. Only the server knows the length of the model's context: a prompt that it refuses as too
    long is unanswered. The API key comes from the environment variable OPENAI_API_KEY only; a local server needs none.
    """

    tokenizer = None

    def __init__(
        self,
        model: str,
        base_url: str,
        interface: str,
        batch_size: int,
        timeout: float,
        retries: int = 5,
        wait: float = 0.0,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise UserError(
                f"base_url of the model {model} must be http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1, "
                f"without user name, password or query; put a key into the environment variable {KEY}"
            )
        self.base_url, self._key = base_url, os.environ.get(KEY, "")
        self._prepare(model, interface, batch_size, timeout, retries)
        self._connection = Connection(lambda: Address(self.base_url, self._key), timeout, retries, wait)

    def _prepare(self, model: str, interface: str, batch_size: int, timeout: float, retries: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1")
        # The client logs a line for every request.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self.model, self.batch_size = model, batch_size
        self._extended, self._timeout, self._tries = interface == "vllm", timeout, retries + 1
        self._answered_by: set[str] = set()

    def load(self) -> None:
        """Check that the server can be reached and has the model (see `Engine.load`). Raises UserError if not."""
        _ = self._served

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`. If a request fails, the running ones are completed and yielded before the error."""
        self._check_supported(decoding)
        waiting = iter(requests)
        with ThreadPoolExecutor(self.batch_size) as pool:

            def submit(count: int) -> set[Future[Completion]]:
                batch = itertools.islice(waiting, count)
                return {pool.submit(self._complete, prefix, request, decoding) for request in batch}

            running, errors = submit(self.batch_size), []
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                errors += [error for future in finished if (error := future.exception())]
                if not errors:
                    running |= submit(len(finished))
                if completions := [future.result() for future in finished if not future.exception()]:
                    yield completions
            if errors:
                raise errors[0]

    def identity(self) -> Identity:
        """See `Engine.identity`; `served` is the server's description of the model, not the server's address."""
        versions = {"openai": importlib.metadata.version("openai")}
        return {"engine": SERVED_ENGINE, "dtype": "as served", "versions": versions, "served": self._served}

    def cost(self) -> Cost:
        """See `Engine.cost`; the server's memory is unknown."""
        return {
            "device": "server",
            "batch_size": self.batch_size,
            "peak_memory_bytes": None,
            "answered_by": sorted(self._answered_by),
        }

    @functools.cached_property
    def _served(self) -> dict[str, str]:
        """The server's description of the model, a dict from field to text. Raises UserError if there is no such model.

        A server that does not list its models gives the name of the model only.
        """
        try:
            cards = {card.id: card for card in self._connection.call(lambda client: client.models.list()).data}
        except openai.NotFoundError:
            log.warning("%s does not list its models, so nothing more is known of %s", self.base_url, self.model)
            return {"id": self.model}
        except (openai.OpenAIError, UnreachableError) as error:
            raise self._user_error(error) from None
        except UserError:
            raise
        except (ValueError, AttributeError, TypeError):
            raise UserError(f"{self.base_url}/models: this is no list of models; is engine.base_url right?") from None
        if self.model not in cards:
            names = ", ".join(sorted(map(str, cards))) or "none"
            raise UserError(f"{self.base_url} has no model {self.model!r}, it has: {names}; correct served_model")
        details = {name: getattr(cards[self.model], name, None) for name in ("owned_by", "root")}
        return {"id": self.model} | {name: value for name, value in details.items() if isinstance(value, str)}

    def _check_supported(self, decoding: Decoding) -> None:
        """Raise UserError for a decoding that the server's interface does not support."""
        reasons = {
            "reasoning_budget": decoding.reasoning_budget is not None
            and not self._extended
            and "OpenAI's interface cannot close a model's reasoning",
            "confidence": decoding.confidence != "none"
            and "servers do not say which distribution their log-probabilities come from",
            "top_k": decoding.top_k > 0 and not self._extended and "OpenAI's interface has no top_k; set it to 0",
        }
        for key, reason in reasons.items():
            if reason:
                raise UserError(f"decoding: {key} is not possible with the served model {self.model}: {reason}")

    def _complete(self, system: str, request: Request, decoding: Decoding) -> Completion:
        arguments = {
            "model": self.model,
            "messages": [{"role": "system", "content": system}, {"role": "user", "content": request.suffix}],
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_new_tokens,
            "seed": request_seed(decoding.seed, request.key),
            "response_format": _response_format(require_schema(request)) if decoding.constrained else openai.omit,
            "extra_body": self._extensions(request, decoding) if self._extended else None,
        }
        try:
            response = self._connection.call(lambda client: _whole_answer(client, arguments))
        except (openai.OpenAIError, UnreachableError) as error:
            if isinstance(error, openai.BadRequestError) and _CONTEXT.search(f"{error.code} {error.message}"):
                return self._unanswered(request.key, self._quote(error.message))
            raise self._user_error(error, request.key) from None
        except UserError:
            raise
        except ValueError:
            raise UserError(
                f"{self.base_url}: {request.key}: the answer is no JSON; is engine.base_url right?"
            ) from None
        budget = decoding.reasoning_budget if request.reasoning_block else None
        return self._completion(request.key, response, budget)

    def _unanswered(self, key: str, refusal: str) -> Completion:
        """Return the completion of a prompt that the server refuses as too long."""
        return Completion.unanswered(key, f"the server refuses the prompt: {refusal}")

    @staticmethod
    def _extensions(request: Request, decoding: Decoding) -> dict[str, object]:
        """Return vLLM's additions to the published API. All settings are sent, since a server has its own defaults."""
        extensions: dict[str, object] = {
            "top_k": decoding.top_k or -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "chat_template_kwargs": {"enable_thinking": request.reasoning_block is not None},
        }
        if request.reasoning_block and decoding.reasoning_budget is not None:
            extensions["thinking_token_budget"] = decoding.reasoning_budget
        return extensions

    def _completion(self, key: str, response: Any, budget: int | None) -> Completion:
        """Return the completion in a server's response. Raises UserError if it is none: the client checks little."""
        try:
            choice, usage = response.choices[0], response.usage
            completion = Completion(
                key=key,
                text=_completion_text(choice.message, truncated=choice.finish_reason == "length"),
                finish_reason="length" if choice.finish_reason == "length" else "stop",
                prompt_tokens=int(usage.prompt_tokens),
                completion_tokens=int(usage.completion_tokens),
            )
        except (AttributeError, IndexError, TypeError, ValueError):
            raise UserError(
                f"{self.base_url}: {key}: the answer is no chat completion with a choice and its usage: "
                f"{self._quote(response)}"
            ) from None
        if budget is not None:
            forced = self._reasoning_tokens(key, usage, budget) >= budget
            completion = replace(completion, reasoning_forced=forced)
        if choice.finish_reason not in ("stop", "length"):
            log.warning("%s: the server ended this answer with finish_reason %r", key, choice.finish_reason)
        fingerprint = getattr(response, "system_fingerprint", None)
        self._answered_by.add(" ".join(filter(None, (response.model, fingerprint))))
        return completion

    def _reasoning_tokens(self, key: str, usage: Any, budget: int) -> int:
        """Return the number of tokens of reasoning. Raises UserError unless they show that the server keeps `budget`.

        A server that does not know the budget ignores it without an error.
        """
        details = getattr(usage, "completion_tokens_details", None)
        tokens = getattr(details, "reasoning_tokens", None)
        if tokens is None or tokens > budget + _BUDGET_SLACK:
            raise UserError(
                f"{self.base_url}: {key}: reasoning_budget is {budget}, and the server "
                f"{'does not say how many tokens' if tokens is None else f'let the model reason for {tokens} tokens'}: "
                "is it a vLLM that was started with --reasoning-parser? Without one, set reasoning_budget to null"
            )
        return int(tokens)

    def _user_error(self, error: Exception, key: str = "") -> UserError:
        """Return an error that says what went wrong and what to do. It shows neither the key nor any header."""
        place = f"{self.base_url}: {key}" if key else self.base_url
        match error:
            case openai.APITimeoutError():
                message = (
                    f"no answer within {self._timeout:g} s, {self._tries} times over; is the server overloaded? Lower "
                    "engine.batch_size or raise engine.timeout"
                )
            case openai.APIConnectionError() | UnreachableError():
                cause = type(error.__cause__).__name__ if error.__cause__ else "no connection"
                message = f"cannot be reached ({cause}); {self._advice()}"
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                verb = "refuses the key of" if self._key else "asks for a key; set"
                message = f"the server {verb} the environment variable {KEY} (status {error.status_code})"
            case openai.RateLimitError():
                message = (
                    f"too many requests, or the account has no credit (status 429, {self._tries} times over); lower "
                    f"engine.batch_size, or go on later: {self._quote(error.message)}"
                )
            case openai.InternalServerError():
                message = f"the server failed (status {error.status_code}, {self._tries} times over); see its log"
            case openai.APIStatusError():
                message = f"the server refuses the request (status {error.status_code}): {self._quote(error.message)}"
                if self._extended:
                    message += "; if it names top_k or chat_template_kwargs, set `interface: openai` in the registry"
            case _:
                message = f"the answer cannot be read: {self._quote(error)}"
        return UserError(f"{place}: {message}")

    def _advice(self) -> str:
        """Return what to look at if the server cannot be reached."""
        return "is the server running, and engine.base_url right?"

    def _quote(self, value: object) -> str:
        text = " ".join(str(value).split())
        return (text.replace(self._key, "***") if self._key else text)[:_MAX_QUOTE]


def _whole_answer(client: openai.OpenAI, arguments: dict[str, Any]) -> Any:
    """Return the server's response to a request. Raises UnreachableError if the server ended while it answered."""
    response = client.chat.completions.create(**arguments)
    choices = getattr(response, "choices", None)
    if isinstance(choices, list) and choices and getattr(choices[0], "finish_reason", None) in _CUT_OFF:
        raise UnreachableError
    return response


def _response_format(schema: str) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": json.loads(schema)}}


def _completion_text(message: Any, truncated: bool) -> str:
    """Return the model's text. Reasoning that the server returns apart from the answer is put before it, in tags."""
    reasoning = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    answer = message.content or ""
    if not reasoning:
        return answer
    return f"<think>{reasoning}" if truncated and not answer else f"<think>{reasoning}</think>{answer}"
