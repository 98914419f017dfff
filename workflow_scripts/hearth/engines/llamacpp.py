"""The engine for a home hub: it runs a GGUF file with llama.cpp, through the package xllamacpp.

It needs neither torch nor transformers, so that a program that recognises with it starts in about a second.
"""

import importlib.metadata
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

# Threads of llama.cpp wait for each other some hundred times a token. On cores with other work, waiting in a loop keeps
# from working the thread that is waited for: a window of a tiny model took 30 s in place of 0.05 s. The library of
# threads reads this when xllamacpp loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import xllamacpp

from hearth.common.cli import UserError
from hearth.common.files import read_json_object
from hearth.common.memory import peak_memory_bytes
from hearth.engines.protocol import (
    Completion,
    Cost,
    Decoding,
    Identity,
    Request,
    ScoredToken,
    request_seed,
    unanswered_if_too_long,
)
from hearth.models.light_tokenizer import LightTokenizer
from hearth.models.tokens import encode

CacheType = Literal["f16", "q8_0"]
_MAX_ERROR = 300  # characters of llama.cpp's own message in an error
_FIRST_CONTEXT = 4096  # tokens, where the caller does not say how many it needs
_CONTEXT_STEP = 256  # llama.cpp rounds contexts up to a multiple of it
_GROWTH = 1.25  # of a context that turns out too small, so that slowly growing prompts seldom reload the model
_LISTED_TOKENS = 100  # likeliest tokens to look for one in
_CERTAIN = 1000.0  # added to a logit, makes its token certain
_CACHE_BLOCK = 32  # numbers that a quantised cache stores together


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
    a model whose tokenizer llama.cpp does not know.

    One request runs at a time. llama.cpp keeps the keys and values of the last prompt, so that a prompt with the same
    prefix computes its own tokens only, unless `reuses_prompts` is set to false. Their number format is `cache_type`:
    q8_0 takes half the memory of f16, which is used instead where a model's heads are too narrow for q8_0. `timings`
    are those of the last answer.

    `context` is the number of tokens, of prefix, longest suffix and answer, for which memory is taken at first. A
    request that needs more reloads the model with a longer context, up to the model's own, which can take gigabytes.
    """

    def __init__(
        self,
        path: Path,
        folder: Path,
        by_ids: bool = False,
        *,
        context: int | None = None,
        cache_type: CacheType = "q8_0",
    ):
        if cache_type not in get_args(CacheType):
            raise ValueError(f"cache type {cache_type!r} is none of {', '.join(get_args(CacheType))}")
        if context is not None and context < 1:
            raise ValueError(f"context is {context}; it must be at least 1")
        self.tokenizer = LightTokenizer(folder)
        self._path, self._by_ids = path, by_ids
        self._server: xllamacpp.Server | None = None
        config = read_json_object(folder / "config.json")
        self._longest_context: int = config["max_position_embeddings"]
        self._context = self._rounded(context or _FIRST_CONTEXT)
        head_width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        self._cache_type: CacheType = "f16" if head_width % _CACHE_BLOCK else cache_type
        self._cached_tokens = 0
        self.timings: AnswerTimings | None = None
        self.reuses_prompts = True

    @property
    def context(self) -> int:
        """The number of tokens, of prompt and answer, for which memory is taken now."""
        return self._context

    def load(self) -> None:
        """See `Engine.load`. Raises UserError if llama.cpp cannot load the file."""
        if self._server is not None:
            return
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_ctx = self._context
        parameters.n_parallel = 1
        parameters.warmup = False
        parameters.verbosity = 1  # errors only
        # Prompts that were replaced would be kept in memory, in up to 8 GiB.
        parameters.cache_ram_mib = 0
        if self._cache_type == "q8_0":
            parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
            # Without flash attention llama.cpp does not read quantised values.
            parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        # The server also listens on a local port, which nobody should use: a random key locks it.
        parameters.api_keys = [secrets.token_urlsafe()]
        if threads := os.environ.get("OMP_NUM_THREADS"):
            parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
        try:
            self._server = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise UserError(
                f"{self._path}: llama.cpp cannot load it ({error}); it says why above. Copy the file again if it is "
                "damaged"
            ) from None

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`. Decoding may not be constrained or have a reasoning budget."""
        if decoding.constrained or decoding.reasoning_budget is not None:
            raise ValueError("decoding: engine llama.cpp does not support constrained or reasoning_budget")
        prefix_tokens = encode(self.tokenizer, prefix)
        for request in requests:
            tokens = prefix_tokens + encode(self.tokenizer, request.suffix, continues=True)
            if unanswered := unanswered_if_too_long(request.key, len(tokens), decoding, self._longest_context):
                yield [unanswered]
                continue
            # No variable keeps the server here: while the next request reloads the model, memory would hold two.
            yield [
                self._complete(
                    self._server_for(len(tokens) + decoding.max_new_tokens), request, prefix, tokens, decoding
                )
            ]

    def identity(self) -> Identity:
        """See `Engine.identity`."""
        versions = {"xllamacpp": importlib.metadata.version("xllamacpp")}
        return {"engine": "llama.cpp", "dtype": "", "versions": versions, "options": {"cache_type": self._cache_type}}

    def cost(self) -> Cost:
        """See `Engine.cost`."""
        return {
            "device": "cpu",
            "batch_size": 1,
            "peak_memory_bytes": peak_memory_bytes(),
            "cached_prompt_tokens": self._cached_tokens,
        }

    def _rounded(self, context: float) -> int:
        return min(self._longest_context, math.ceil(context / _CONTEXT_STEP) * _CONTEXT_STEP)

    def _server_for(self, tokens: int) -> xllamacpp.Server:
        """Return the server, loaded anew with a longer context if prompt and answer, `tokens` in all, need one."""
        if tokens > self._context:
            self._server = None  # released first, so that memory never holds two models
            self._context = self._rounded(max(tokens, _GROWTH * self._context))
        self.load()
        assert self._server is not None
        return self._server

    def _complete(
        self, server: xllamacpp.Server, request: Request, prefix: str, tokens: list[int], decoding: Decoding
    ) -> Completion:
        scores = {"logprobs": 1} if decoding.confidence == "tokens" else {}
        answer = server.handle_completions(
            {
                "prompt": tokens if self._by_ids else prefix + request.suffix,
                "max_tokens": decoding.max_new_tokens,
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "top_k": decoding.top_k,
                "min_p": 0.0,  # llama.cpp's default is above 0
                "seed": request_seed(decoding.seed, request.key),
                "cache_prompt": self.reuses_prompts,
                **scores,
            }
        )
        if "choices" not in answer:
            message = str(answer.get("error", answer))[:_MAX_ERROR]
            raise ValueError(f"{self._path}: llama.cpp refuses {request.key}: {message}")
        choice, usage, timings = answer["choices"][0], answer["usage"], answer["timings"]
        self._cached_tokens += timings["cache_n"]
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
            scored_tokens=self._scored_tokens(server, tokens, choice, decoding) if scores else None,
        )

    def _scored_tokens(
        self, server: xllamacpp.Server, prompt: Sequence[int], choice: Mapping[str, Any], decoding: Decoding
    ) -> tuple[ScoredToken, ...]:
        """Return the scored tokens of an answer, with the raw probabilities of the model, before sampling.

        llama.cpp joins tokens that share a character to one entry that has the log-probability of the last of them:
        those before it are asked for again.
        """
        scored, end, written = [], 0, list(prompt)
        for entry in (choice["logprobs"] or {}).get("content", []):
            text = bytes(entry["bytes"]).decode("utf-8", "replace")
            if not text:  # the end of turn has none
                continue
            log_probability, pieces = entry["logprob"], _tokens_of(entry, self.tokenizer)
            for piece in pieces[:-1]:
                log_probability += self._log_probability(server, written, piece, decoding)
                written.append(piece)
            written.append(pieces[-1])
            end = min(end + len(text), len(choice["text"]))
            scored.append(ScoredToken(end, log_probability))
        return tuple(scored)

    def _log_probability(
        self, server: xllamacpp.Server, before: Sequence[int], token: int, decoding: Decoding
    ) -> float:
        """Return the log-probability of a token after others, or that of the least likely of many if it is not listed.

        The server shows no token that ends within a character, so another one is written, which changes no probability.
        """
        (shown,) = encode(self.tokenizer, "\n")[:1]
        listed = max(_LISTED_TOKENS, decoding.top_k)
        answer = server.handle_completions(
            {
                "prompt": list(before),
                "max_tokens": 1,
                "temperature": 0,
                "logprobs": listed,
                "logit_bias": [[shown, _CERTAIN]],
            }
        )
        (entry, *_) = answer["choices"][0]["logprobs"]["content"]
        values = {one["id"]: float(one["logprob"]) for one in entry["top_logprobs"]}
        return values.get(token, min(values.values()))


def _tokens_of(entry: Mapping[str, Any], tokenizer: LightTokenizer) -> list[int]:
    """Return the tokens that wrote the bytes of an entry, the last of which is known; only this one if in doubt."""
    last, written = entry["id"], bytes(entry["bytes"])
    spelling = tokenizer.backend_tokenizer.id_to_token(last)
    # A byte-level vocabulary spells each byte as one character. Special tokens are spelled as themselves.
    if spelling is None or len(spelling) >= len(written) or spelling.encode() == written:
        return [last]
    try:
        tokens = encode(tokenizer, written.decode())
    except UnicodeDecodeError:
        return [last]
    return tokens if tokens[-1] == last else [last]
