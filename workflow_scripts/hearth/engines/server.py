"""The engine for a vLLM server that a job of the run has started (`vllm_server.py`)."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hearth.common.cli import UserError
from hearth.engines.chat_request import RequestForm
from hearth.engines.openai import OpenAIEngine
from hearth.engines.protocol import Completion, Identity
from hearth.engines.registry import SERVER_ENGINE
from hearth.engines.server_connection import Address, Connection
from hearth.engines.server_record import read_heartbeat, read_server


class ServerEngine(OpenAIEngine):
    """Run the weights whose server has the folder `folder`, of the same name. See `Engine` for the protocol.

    The server may not have started yet, may die, and come back at another address: its address and key are read again
    whenever it does not answer, for up to `wait` seconds. It runs weights of ours with the settings of the run, so
    these and the versions of its libraries identify its completions. `options` are the server's that decide results.
    `context` is the length of the model's context in tokens; the server may have memory for less.
    """

    _may_cut_prompts = False

    def __init__(
        self,
        folder: Path,
        batch_size: int,
        timeout: float,
        wait: float,
        context: int,
        retries: int = 5,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder, self.base_url, self._key = folder, str(folder), ""
        self._options = dict(options or {})
        self._context: int = self._options.get("max_model_len", context)
        self._prepare(folder.name, RequestForm(extended=True), batch_size, timeout, retries)
        self._connection = Connection(self._locate, timeout, retries, wait, direct=True)

    def identity(self) -> Identity:
        """See `Engine.identity`. Waits for the server, which says what it is."""
        return self._identity

    @functools.cached_property
    def _identity(self) -> Identity:
        self.load()
        record = read_server(self._folder)
        if record is None:  # it has just died
            del self._served
            return self._identity
        identity: Identity = {"engine": SERVER_ENGINE, "dtype": record["dtype"], "versions": record["versions"]}
        return identity | {"options": self._options} if self._options else identity

    def _unanswered(self, key: str, refusal: str) -> Completion:
        """See `OpenAIEngine`. Raises UserError if memory, which decides no result, is the reason."""
        cards = self._connection.call(lambda client: client.models.list()).data
        room = min(
            (card.max_model_len for card in cards if getattr(card, "max_model_len", None)), default=self._context
        )
        if room < self._context:
            raise UserError(
                f"{key}: the prompt does not fit the server's memory, which has room for {room} of the model's "
                f"{self._context} tokens; use more or larger GPUs, or set engine_options.max_model_len in the registry"
            )
        return super()._unanswered(key, refusal)

    def _locate(self) -> Address | None:
        record = read_server(self._folder)
        if record is None:
            heartbeat = read_heartbeat(self._folder.parent)
            if heartbeat and self._folder.name in heartbeat["failed"]:
                raise UserError(f"the server of {self._folder.name} has failed; see logs/serve/{self._folder.name}.log")
            return None
        self.base_url, self._key = record["url"], record["key"]
        return Address(self.base_url, self._key)

    def _advice(self) -> str:
        return f"the job of the server has ended or still waits in the queue; see logs/serve/{self._folder.name}.log"
