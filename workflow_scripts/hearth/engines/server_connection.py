"""A connection to a server with OpenAI's API, which waits while the server starts, and follows it if it moves."""

import logging
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

import openai

from hearth.engines.chat_answer import LoadingError, NoAnswerError, RefusedPromptError

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# A gateway answers with these while the server behind it is not there.
_ABSENT = (502, 503, 504)
# Statuses of requests that may succeed later, beside those of a server's own failures (500 and above).
_TEMPORARY = (408, 409, 429)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds before a request is sent again


class Address(NamedTuple):
    """URL of a server's API, and the key that it asks for ("" for none)."""

    url: str
    key: str


class UnreachableError(Exception):
    """There is no server: it has not published an address."""


class Connection:
    """Send requests to the server at `locate()`, which is asked again whenever the server does not answer.

    `locate` returns None while there is no server. A request that takes longer than `timeout` seconds, fails
    temporarily or gets no answer of the model is sent again up to `retries` times, after growing pauses. While there is
    no server, while it loads its model, or says that it is asked too often, a request waits up to `wait` seconds.
    `direct` keeps requests off the proxies that the environment names.
    """

    def __init__(
        self, locate: Callable[[], Address | None], timeout: float, retries: int, wait: float, direct: bool = False
    ) -> None:
        self._locate, self._timeout, self._retries, self._wait = locate, timeout, retries, wait
        self._direct = direct
        self._lock = threading.Lock()
        self._client: tuple[Address, openai.OpenAI] | None = None
        self._absent = False

    def call(self, request: Callable[[openai.OpenAI], Answer]) -> Answer:
        """Return `request(client)`. Raises what it raises last, or UnreachableError, after waiting for a server."""
        deadline, pause, tries = time.monotonic() + self._wait, _FIRST_PAUSE, 0
        while True:
            address = self._locate()
            try:
                answer = request(self._client_for(address))
            except (UnreachableError, LoadingError, NoAnswerError, openai.APIError) as error:
                left = deadline - time.monotonic()
                is_waiting = left > 0 and (_is_absence(error) or self._locate() != address)
                tries += not is_waiting
                if is_waiting:
                    self._note(error)
                elif not _is_temporary(error) or tries > self._retries:
                    raise
                time.sleep(min(max(pause, _seconds_asked_for(error)), left if is_waiting else _LONGEST_PAUSE))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._absent = False
                return answer

    def _client_for(self, address: Address | None) -> openai.OpenAI:
        if address is None:
            raise UnreachableError
        with self._lock:
            if self._client is None or self._client[0] != address:
                self._client = address, self._make_client(address)
            return self._client[1]

    def _make_client(self, address: Address) -> openai.OpenAI:
        # By default the client uses the proxies of the environment; compute nodes are not behind them.
        http_client = openai.DefaultHttpxClient(trust_env=False) if self._direct else None
        return openai.OpenAI(
            base_url=address.url,
            api_key=address.key or "none",
            timeout=self._timeout,
            max_retries=0,  # `call` counts them: the client knows nothing of answers that are none
            http_client=http_client,
        )

    def _note(self, error: Exception) -> None:
        """Log once that the server is not there, until it has answered again."""
        with self._lock:
            if not self._absent:
                log.info("the server cannot answer yet (%s); waiting up to %g s", type(error).__name__, self._wait)
            self._absent = True


def _is_absence(error: Exception) -> bool:
    """Whether an error says to come later: there is no server yet, it loads its model, or it is asked too often."""
    match error:
        case NoAnswerError() | openai.APITimeoutError():
            return False
        case openai.RateLimitError():
            return error.code != "insufficient_quota"
        case openai.APIStatusError():
            return error.status_code in _ABSENT
    return isinstance(error, (UnreachableError, LoadingError, openai.APIConnectionError))


def _is_temporary(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _TEMPORARY or error.status_code >= 500
    return not isinstance(error, RefusedPromptError)


def _seconds_asked_for(error: Exception) -> float:
    """Return the seconds of a response's Retry-After, which has a number or a date; 0 without one."""
    text = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
