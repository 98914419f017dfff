"""The engine of a home hub: a GGUF file run by llama.cpp, through the package xllamacpp."""

import importlib.metadata
import os
import resource
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import xllamacpp

from hearth.common.files import read_json
from hearth.engines import Completion, Decoding, Request, check_lengths, request_seed
from hearth.models.load import load_tokenizer


class LlamaCppEngine:
    """The model of a GGUF file behind the `Engine` protocol; `folder` is the same model as transformers loads it.

    Prompts are given as text, which llama.cpp cuts itself; with `by_ids` as the token ids that the folder's tokenizer
    gives, for a model whose way of cutting text llama.cpp does not know. One request at a time; what prompts begin
    with alike is read once.
    """

    def __init__(self, path: Path, folder: Path, by_ids: bool = False):
        self.tokenizer = load_tokenizer(folder)
        self._path, self._by_ids, self._server = path, by_ids, None
        self._context = read_json(folder / "config.json")["max_position_embeddings"]

    def load(self) -> None:
        """See `Engine.load`."""
        if self._server is not None:
            return
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_ctx = self._context
        parameters.n_parallel = 1
        parameters.warmup = False
        parameters.verbosity = 1  # errors
        # It also listens on a port of this machine, which is for nobody: so it wants a key that nobody has.
        parameters.api_keys = [secrets.token_urlsafe()]
        if threads := os.environ.get("OMP_NUM_THREADS"):
            parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
        self._server = xllamacpp.Server(parameters)

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`; decoding may be neither constrained, nor budgeted, nor asked for confidence."""
        if decoding.constrained or decoding.reasoning_budget is not None or decoding.confidence != "none":
            raise ValueError("llama.cpp is asked for plain text here: no constrained, reasoning_budget or confidence")
        self.load()
        head = self._tokens(prefix)
        waiting = [(request, self._tokens(request.suffix)) for request in requests]
        check_lengths(len(head), {request.key: len(ids) for request, ids in waiting}, decoding, self._context)
        for request, ids in waiting:
            yield [self._ask(request, head + ids if self._by_ids else prefix + request.suffix, decoding)]

    def identity(self) -> dict:
        """See `Engine.identity`."""
        return {"engine": "llama.cpp", "dtype": "", "versions": {"xllamacpp": importlib.metadata.version("xllamacpp")}}

    def cost(self) -> dict:
        """See `Engine.cost`."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"device": "cpu", "batch_size": 1, "peak_memory_bytes": peak}

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _ask(self, request: Request, prompt: str | list[int], decoding: Decoding) -> Completion:
        answer = self._server.handle_completions(
            {
                "prompt": prompt,
                "max_tokens": decoding.max_new_tokens,
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "top_k": decoding.top_k,
                "min_p": 0.0,  # llama.cpp has a threshold of its own
                "seed": request_seed(decoding.seed, request.key),
            }
        )
        if "choices" not in answer:
            raise ValueError(f"{self._path}: llama.cpp refuses {request.key}: {str(answer.get('error', answer))[:300]}")
        choice, usage = answer["choices"][0], answer["usage"]
        return Completion(
            key=request.key,
            text=choice["text"],
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            prompt_tokens=usage["prompt_tokens"],
            completion_tokens=usage["completion_tokens"],
        )
