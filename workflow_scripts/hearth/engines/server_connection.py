"""A connection to a server with OpenAI's API, which waits while the server starts, and follows it if it moves."""

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import openai

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# A gateway answers with these while the server behind it is not there.
_ABSENT = (502, 503, 504)
_LONGEST_PAUSE = 10.0  # seconds between two looks at a server that does not answer


class Address(NamedTuple):
    """URL of a server's API, and the key that it asks for ("" for none)."""

    url: str
    key: str


class UnreachableError(Exception):
    """There is no server: it has not published an address, or has ended while it answered."""


class Connection:
    """Send requests to the server at `locate()`, which is asked again whenever the server does not answer.

    `locate` returns None while there is no server. A request that takes longer than `timeout` seconds, or fails
    temporarily, is sent again up to `retries` times, after growing pauses. While there is no server, a request waits up
    to `wait` seconds. `direct` keeps requests off the proxies that the environment names.
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
        deadline, pause = time.monotonic() + self._wait, 0.5
        while True:
            address = self._locate()
            try:
                answer = request(self._client_for(address))
            except (UnreachableError, openai.APIConnectionError, openai.InternalServerError) as error:
                gone = _is_absence(error) or self._locate() != address
                if not gone or time.monotonic() >= deadline:
                    raise
                self._note(error)
                time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
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
            max_retries=self._retries,
            http_client=http_client,
        )

    def _note(self, error: Exception) -> None:
        """Log once that the server is not there, until it has answered again."""
        with self._lock:
            if not self._absent:
                log.info("no server answers yet (%s); waiting up to %g s", type(error).__name__, self._wait)
            self._absent = True


def _is_absence(error: Exception) -> bool:
    """Whether an error means that there is no server at the moment, and not that a server was slow or failed."""
    if isinstance(error, openai.InternalServerError):
        return error.status_code in _ABSENT
    return not isinstance(error, openai.APITimeoutError)
