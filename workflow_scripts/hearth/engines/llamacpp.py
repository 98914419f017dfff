"""The engine for a home hub: it runs a GGUF file with llama.cpp, through the package xllamacpp."""

import importlib.metadata
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import xllamacpp

from hearth.common.files import read_json_object
from hearth.common.memory import peak_memory_bytes
from hearth.engines.protocol import (
    Completion,
    Cost,
    Decoding,
    Identity,
    Request,
    request_seed,
    unanswered_if_too_long,
)
from hearth.models.load import load_tokenizer
from hearth.models.tokens import encode

_MAX_ERROR = 300  # characters of llama.cpp's own message in an error


class AnswerTimings(NamedTuple):
    """llama.cpp's timings of one answer. `prompt_tokens` are those that it computed, without those of its cache."""

    prompt_tokens: int
    prompt_seconds: float
    completion_tokens: int
    completion_seconds: float


class LlamaCppEngine:
    """Run the GGUF file `path`. See `Engine` for the protocol.

    `folder` has the same model in Hugging Face files, of which tokenizer and config.json are used. Prompts are passed
    as text, which llama.cpp tokenises itself. With `by_ids` they are passed as token ids of the folder's tokenizer, for
    a model whose tokenizer llama.cpp does not know. One request runs at a time; llama.cpp caches the tokens that
    prompts share. `timings` are those of the last answer. With `reuses_prompts` false, the cache is not used.
    """

    def __init__(self, path: Path, folder: Path, by_ids: bool = False):
        self.tokenizer = load_tokenizer(folder)
        self._path, self._by_ids = path, by_ids
        self.timings: AnswerTimings | None = None
        self.reuses_prompts = True
        self._server: xllamacpp.Server | None = None
        self._context: int = read_json_object(folder / "config.json")["max_position_embeddings"]

    def load(self) -> None:
        """See `Engine.load`."""
        if self._server is not None:
            return
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_ctx = self._context
        parameters.n_parallel = 1
        parameters.warmup = False
        parameters.verbosity = 1  # errors only
        # The server also listens on a local port, which nobody should use: a random key locks it.
        parameters.api_keys = [secrets.token_urlsafe()]
        if threads := os.environ.get("OMP_NUM_THREADS"):
            parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
        self._server = xllamacpp.Server(parameters)

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`. Decoding may not be constrained, have a reasoning budget or ask for confidence."""
        if decoding.constrained or decoding.reasoning_budget is not None or decoding.confidence != "none":
            raise ValueError("decoding: engine llama.cpp does not support constrained, reasoning_budget or confidence")
        server = self._loaded_server()
        prefix_tokens = encode(self.tokenizer, prefix)
        for request in requests:
            tokens = prefix_tokens + encode(self.tokenizer, request.suffix, continues=True)
            unanswered = unanswered_if_too_long(request.key, len(tokens), decoding, self._context)
            prompt = tokens if self._by_ids else prefix + request.suffix
            yield [unanswered or self._complete(server, request, prompt, decoding)]

    def identity(self) -> Identity:
        """See `Engine.identity`."""
        return {"engine": "llama.cpp", "dtype": "", "versions": {"xllamacpp": importlib.metadata.version("xllamacpp")}}

    def cost(self) -> Cost:
        """See `Engine.cost`."""
        return {"device": "cpu", "batch_size": 1, "peak_memory_bytes": peak_memory_bytes()}

    def _loaded_server(self) -> xllamacpp.Server:
        self.load()
        assert self._server is not None
        return self._server

    def _complete(
        self, server: xllamacpp.Server, request: Request, prompt: str | list[int], decoding: Decoding
    ) -> Completion:
        answer = server.handle_completions(
            {
                "prompt": prompt,
                "max_tokens": decoding.max_new_tokens,
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "top_k": decoding.top_k,
                "min_p": 0.0,  # llama.cpp's default is above 0
                "seed": request_seed(decoding.seed, request.key),
                "cache_prompt": self.reuses_prompts,
            }
        )
        if "choices" not in answer:
            message = str(answer.get("error", answer))[:_MAX_ERROR]
            raise ValueError(f"{self._path}: llama.cpp refuses {request.key}: {message}")
        choice, usage, timings = answer["choices"][0], answer["usage"], answer["timings"]
        self.timings = AnswerTimings(
            timings["prompt_n"],
            timings["prompt_ms"] / 1000,
            timings["predicted_n"],
            timings["predicted_ms"] / 1000,
        )
        return Completion(
            key=request.key,
            text=choice["text"],
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
        )
