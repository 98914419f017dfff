"""The engine for servers with OpenAI's chat-completions API."""

import functools
import importlib.metadata
import itertools
import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urlsplit

import openai

from hearth.common.cli import UserError
from hearth.engines.chat_answer import (
    ChatAnswer,
    LoadingError,
    NoAnswerError,
    PromptTooLongError,
    fewer_tokens_than_words,
    raise_for_message,
    read_answer,
    read_body,
    unwrap,
)
from hearth.engines.chat_request import LimitField, RequestForm
from hearth.engines.protocol import Completion, Cost, Decoding, Identity, Request
from hearth.engines.registry import SERVED_ENGINE
from hearth.engines.server_connection import Address, Connection, UnreachableError

log = logging.getLogger(__name__)

KEY = "OPENAI_API_KEY"
# Tokens by which vLLM may exceed a reasoning budget: it also counts the tags around the reasoning.
_BUDGET_SLACK = 8
# Statuses of servers that do not list their models, and of those that do not like the form of a request.
_NO_LIST, _FORM_REFUSED = (404, 405, 501), (400, 422, 500)
_TOO_LARGE = 413  # of the server itself, of a proxy before it, or of an account's limit for one request
_MAX_QUOTE = 300  # characters of a server's own message in an error


class OpenAIEngine:
    """Run the model that the server at `base_url` calls `model`. See `Engine` for the protocol.

    The server applies the chat template: the prefix is the system's turn, a suffix the user's. `interface` says what
    the server understands. `openai` is the published API only; `vllm` adds top_k and a switch for thinking, as vLLM,
    SGLang and llama.cpp do, and vLLM's reasoning budget. `limit_field`, `omitted` and `date` change the form of
    requests (`RequestForm`); a form that a server refuses, and asks for another that means the same, is changed too. Up
    to `batch_size` requests run at a time. `timeout`, `retries` and `wait` are those of `Connection`.

    A request is unanswered if all tries get something that the model did not write, or if its prompt is refused. The
    server decides weights, precision and batches, so a repeated request may get another answer, although every request
    carries a seed. Only the server knows the length of the model's context. The API key comes from the environment
    variable OPENAI_API_KEY only; a local server needs none.
    """

    tokenizer = None
    # Whether the server may cut a prompt that is too long, as Ollama does, instead of refusing it.
    _may_cut_prompts = True

    def __init__(
        self,
        model: str,
        base_url: str,
        interface: str,
        batch_size: int,
        timeout: float,
        retries: int = 5,
        wait: float = 0.0,
        limit_field: LimitField = "auto",
        omitted: Collection[str] = (),
        date: str = "",
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise UserError(
                f"base_url of the model {model} must be http(s)://HOST[:PORT]/PATH, such as http://localhost:8000/v1, "
                f"without user name, password or query; put a key into the environment variable {KEY}"
            )
        self.base_url, self._key = base_url, os.environ.get(KEY, "")
        form = RequestForm(interface == "vllm", limit_field, frozenset(omitted), date=date)
        self._prepare(model, form, batch_size, timeout, retries)
        self._connection = Connection(lambda: Address(self.base_url, self._key), timeout, retries, wait)

    def _prepare(self, model: str, form: RequestForm, batch_size: int, timeout: float, retries: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1")
        # The client logs a line for every request.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self.model, self.batch_size = model, batch_size
        self._form, self._timeout, self._tries = form, timeout, retries + 1
        self._lock = threading.Lock()
        self._answered_by: set[str] = set()
        self._unknown_reasons: set[str] = set()

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
        identity: Identity = {
            "engine": SERVED_ENGINE, "dtype": "as served", "versions": versions, "served": self._served
        }  # fmt: skip
        if self._form.omitted:
            identity["options"] = {"omitted_fields": sorted(self._form.omitted)}
        return identity

    def cost(self) -> Cost:
        """See `Engine.cost`; the server's memory is unknown."""
        cost: Cost = {
            "device": "server",
            "batch_size": self.batch_size,
            "peak_memory_bytes": None,
            "answered_by": sorted(self._answered_by),
        }
        if differences := self._form.differences():
            cost["request_form"] = differences
        return cost

    @functools.cached_property
    def _served(self) -> dict[str, str]:
        """The server's description of the model, a dict from field to text. Raises UserError if there is no such model.

        A server that does not list its models gives the name of the model only.
        """

        def listed(client: openai.OpenAI) -> list[Any] | None:
            try:
                content = client.models.with_raw_response.list().content
            except openai.APIStatusError as error:
                raise_for_message(_said(error))
                if error.status_code in _NO_LIST:
                    return None
                raise
            body = read_body(content)
            if failure := body.get("error"):
                raise_for_message(failure)
                raise NoAnswerError(f"the server answered with an error: {failure}")
            return cards if isinstance(cards := body.get("data"), list) else []

        try:
            cards = self._connection.call(listed)
        except (openai.OpenAIError, UnreachableError, LoadingError) as error:
            raise self._user_error(error) from None
        except NoAnswerError as error:
            raise UserError(
                f"{self.base_url}/models: this is no list of models; is engine.base_url right? {self._quote(error)}"
            ) from None
        if cards is None:
            log.warning("%s does not list its models, so nothing more is known of %s", self.base_url, self.model)
            return {"id": self.model}
        by_name = {card["id"]: card for card in cards if isinstance(card, dict) and isinstance(card.get("id"), str)}
        if self.model not in by_name:
            names = self._quote(", ".join(sorted(by_name)) or "none")
            raise UserError(f"{self.base_url} has no model {self.model!r}, it has: {names}; correct served_model")
        details = {name: by_name[self.model].get(name) for name in ("owned_by", "root")}
        return {"id": self.model} | {name: value for name, value in details.items() if isinstance(value, str)}

    def _check_supported(self, decoding: Decoding) -> None:
        """Raise UserError for a decoding that the server's interface does not support."""
        reasons = {
            "reasoning_budget": decoding.reasoning_budget is not None
            and not self._form.extended
            and "OpenAI's interface cannot close a model's reasoning",
            "confidence": decoding.confidence != "none"
            and "servers do not say which distribution their log-probabilities come from",
            "top_k": decoding.top_k > 0 and not self._form.extended and "OpenAI's interface has no top_k; set it to 0",
        }
        for key, reason in reasons.items():
            if reason:
                raise UserError(f"decoding: {key} is not possible with the served model {self.model}: {reason}")

    def _complete(self, system: str, request: Request, decoding: Decoding) -> Completion:
        thinking = request.reasoning_block is not None

        def ask(client: openai.OpenAI) -> ChatAnswer:
            form = self._form
            arguments = form.arguments(self.model, system, request, decoding)
            try:
                content = client.chat.completions.with_raw_response.create(**arguments).content
            except openai.APIStatusError as error:
                raise_for_message(_said(error), f"{error.code} {error.response.text}")
                if error.status_code == _TOO_LARGE:
                    raise PromptTooLongError(f"the server refuses the prompt: {_said(error)}") from None
                if not self._adapt(form, error):
                    raise
                return ask(client)
            return read_answer(content, self.model, thinking, decoding.max_new_tokens)

        try:
            answer = self._connection.call(ask)
        except PromptTooLongError as error:
            return self._unanswered(request.key, self._quote(error))
        except NoAnswerError as error:
            return Completion.unanswered(request.key, self._quote(error))
        except (openai.OpenAIError, UnreachableError, LoadingError) as error:
            raise self._user_error(error, request.key) from None
        budget = decoding.reasoning_budget if thinking else None
        return self._completion(request.key, answer, budget, f"{system}\n{request.suffix}")

    def _adapt(self, form: RequestForm, error: openai.APIStatusError) -> bool:
        """Whether the server that refused `form` with `error` asks for another, which then applies to all requests."""
        if error.status_code not in _FORM_REFUSED:
            return False
        adapted = form.adapted(error.response.text)
        with self._lock:
            if adapted and self._form == form:
                self._form = adapted
                log.warning(
                    "%s refuses a request (%s); from now on it gets %s",
                    self.base_url, self._quote(error.message), ", ".join(adapted.differences()),
                )  # fmt: skip
            return self._form != form

    def _unanswered(self, key: str, refusal: str) -> Completion:
        """Return the completion of a prompt that the server refuses as too long."""
        return Completion.unanswered(key, refusal)

    def _completion(self, key: str, answer: ChatAnswer, budget: int | None, prompt: str) -> Completion:
        """Return the completion with the text of an answer to `prompt`, the words that were sent."""
        forced = budget is not None and self._reasoning_tokens(key, answer.reasoning_tokens, budget) >= budget
        oddities = answer.oddities
        counted = None if answer.prompt_tokens is None else answer.prompt_tokens + answer.cached_tokens
        if self._may_cut_prompts and counted is not None and fewer_tokens_than_words(prompt, counted):
            oddities = (*oddities, "prompt_cut")
        with self._lock:
            self._answered_by |= {answer.answered_by} - {""}
            if (reason := answer.unknown_reason) and reason not in self._unknown_reasons:
                self._unknown_reasons.add(reason)
                log.warning("%s: the server ended this answer with finish_reason %s", key, self._quote(reason))
        return Completion(
            key=key,
            text=unwrap(answer.text) if self._form.schema_form == "object" else answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            reasoning_forced=forced,
            oddities=oddities,
            answered_by=answer.answered_by,
        )

    def _reasoning_tokens(self, key: str, tokens: int | None, budget: int) -> int:
        """Return the number of tokens of reasoning. Raises UserError unless they show that the server keeps `budget`.

        A server that does not know the budget ignores it without an error.
        """
        if tokens is None or tokens > budget + _BUDGET_SLACK:
            raise UserError(
                f"{self.base_url}: {key}: reasoning_budget is {budget}, and the server "
                f"{'does not say how many tokens' if tokens is None else f'let the model reason for {tokens} tokens'}: "
                "is it a vLLM that was started with --reasoning-parser? Without one, set reasoning_budget to null"
            )
        return tokens

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
            case LoadingError():
                message = f"the server still loads its model ({self._quote(error)}); raise engine.server_wait"
            case openai.RateLimitError():
                message = (
                    f"too many requests, or the account has no credit (status 429, {self._tries} times over); lower "
                    f"engine.batch_size, or go on later: {self._quote(error.message)}"
                )
            case openai.InternalServerError():
                message = f"the server failed (status {error.status_code}, {self._tries} times over); see its log"
            case openai.APIStatusError():
                message = f"the server refuses the request (status {error.status_code}): {self._quote(_said(error))}"
                message += self._form.advice_on(error.response.text)
            case _:
                message = f"the answer cannot be read: {self._quote(error)}"
        return UserError(f"{place}: {message}")

    def _advice(self) -> str:
        """Return what to look at if the server cannot be reached."""
        return "is the server running, and engine.base_url right?"

    def _quote(self, value: object) -> str:
        text = " ".join(str(value).split())
        return (text.replace(self._key, "***") if self._key else text)[:_MAX_QUOTE]


def _said(error: openai.APIStatusError) -> str:
    """Return the message of a server's error; the client finds only the usual field."""
    return error.message if " - " in error.message else error.response.text
