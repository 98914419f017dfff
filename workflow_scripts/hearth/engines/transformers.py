"""The reference engine, for a CPU or one GPU: the requests of a batch share the key-value cache of the prefix."""

import collections
import importlib.metadata
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from hearth.common.memory import peak_memory_bytes
from hearth.engines.generation import ActiveSequence, SequenceDecoder
from hearth.engines.kv_cache import BatchedRows, PrefixCache, SingleRow
from hearth.engines.prepacked_linear import prepack_linear_layers
from hearth.engines.protocol import (
    Completion,
    Cost,
    Decoding,
    Identity,
    Request,
    ScoreRequest,
    TokenScores,
    check_scored_length,
    check_top_tokens,
    unanswered_if_too_long,
)
from hearth.engines.tokens import end_of_turn_tokens
from hearth.models.head import LOGITS_PER_CHUNK, Head
from hearth.models.load import load_model, load_tokenizer, resolve_device, resolve_dtype
from hearth.models.tokens import encode

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

# Prompt tokens to read in one pass: enough to keep a processor busy, few enough for the memory that attention needs.
_PREFILL_TOKENS = 1024
# For batch size auto: the share of free memory that rows may use, and the maximum of rows. More rows gain little.
_MEMORY_SHARE = 0.8
_MAX_ROWS = 32


class TransformersEngine:
    """Run the model in `folder`, with the PEFT adapter `adapter` if it is not None. See `Engine` for the protocol.

    Up to `batch_size` requests ('auto': as many as fit into free memory) run at a time, started in the order given. A
    finished request is replaced by the next one. In float32 neither order nor batch size changes a completion; in
    bfloat16 they may. Weights are read by `load`, or by the first `complete`.
    """

    def __init__(
        self, folder: Path, adapter: Path | None, dtype: str, device: str, batch_size: int | Literal["auto"]
    ) -> None:
        if batch_size != "auto" and batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1, or auto")
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.tokenizer = load_tokenizer(folder)
        self._folder, self._adapter = folder, adapter
        # The maximum of rows: 'auto' until the first prompts are known.
        self._row_limit: int | Literal["auto"] = batch_size
        self._model: PreTrainedModel | None = None
        self._prefix: PrefixCache | None = None  # of the last call: the next one mostly has the same prefix

    def load(self) -> None:
        """See `Engine.load`."""
        if self._model is not None:
            return
        model = load_model(self._folder, self._adapter, self.dtype, self.device)
        # LoRA layers are inside the base model, whose forward uses them.
        self._model = model.get_base_model() if self._adapter else model
        self._ends = end_of_turn_tokens(self._folder, self.tokenizer, self._model.generation_config.eos_token_id)
        self._batched = BatchedRows.enable_attention(self._model)
        if not self._batched:
            log.warning("%s has layers that do not attend to all tokens: one request at a time", self._folder)
            self._row_limit = 1
        if self.device == "cpu" and self.dtype == "float32" and torch.backends.mkldnn.is_available():
            prepack_linear_layers(self._model)

    @torch.inference_mode()
    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`."""
        model = self._loaded_model()
        prefix_tokens = encode(self.tokenizer, prefix)
        waiting = collections.deque(requests)
        # Keep only the lengths: the tokens of all suffixes would use more memory than all other data of the windows.
        lengths = {request.key: len(encode(self.tokenizer, request.suffix, continues=True)) for request in waiting}
        config = model.config.get_text_config()
        context = config.max_position_embeddings
        if unanswered := [
            completion
            for key, length in lengths.items()
            if (completion := unanswered_if_too_long(key, len(prefix_tokens) + length, decoding, context))
        ]:
            for completion in unanswered:
                del lengths[completion.key]
            waiting = collections.deque(request for request in waiting if request.key in lengths)
            yield unanswered
        if self._row_limit == "auto":
            self._row_limit = self._rows_in_memory(model, max(lengths.values(), default=0), decoding)
        decoder = SequenceDecoder(self.tokenizer, config.vocab_size, self._ends, decoding)
        if waiting:
            yield from self._complete(
                model, prefix_tokens, waiting, lengths, decoder, min(self._row_limit, len(waiting))
            )

    @property
    def vocabulary(self) -> int:
        """See `LocalEngine.vocabulary`."""
        size: int = self._loaded_model().config.get_text_config().vocab_size
        return size

    @torch.inference_mode()
    def score(self, prefix: str, requests: Iterable[ScoreRequest], top_tokens: int) -> Iterator[list[TokenScores]]:
        """See `LocalEngine.score`. The longest requests are read first, and several short ones in one pass."""
        model = self._loaded_model()
        check_top_tokens(top_tokens, self.vocabulary)
        prefix_tokens, head = encode(self.tokenizer, prefix), Head(model)
        prompts = [(one, encode(self.tokenizer, one.suffix, continues=True)) for one in requests if one.tokens]
        for request, suffix in prompts:
            length = len(prefix_tokens) + len(suffix) + len(request.tokens)
            check_scored_length(request.key, length, model.config.get_text_config().max_position_embeddings)
        prompts.sort(key=lambda each: -len(each[1]) - len(each[0].tokens))
        while prompts:
            longest = len(prompts[0][1]) + len(prompts[0][0].tokens)
            count = max(1, min(_PREFILL_TOKENS // longest, self._most_rows()))
            batch, prompts = prompts[:count], prompts[count:]
            rows = self._new_rows(model, prefix_tokens, len(batch))
            # The last token of a completion predicts none of it.
            hidden = rows.encode([[*suffix, *request.tokens][:-1] for request, suffix in batch])
            finished = []
            for (request, suffix), states in zip(batch, hidden, strict=True):
                predicting = states[len(suffix) - 1 :][: len(request.tokens)]
                finished.append(TokenScores(request.key, *_likeliest(head, predicting, top_tokens)))
            yield finished

    def _most_rows(self) -> int:
        return _MAX_ROWS if self._row_limit == "auto" else self._row_limit

    def identity(self) -> Identity:
        """See `Engine.identity`."""
        packages = ("torch", "transformers", "peft", "xgrammar")
        versions = {package: importlib.metadata.version(package) for package in packages}
        return {"engine": "transformers", "dtype": self.dtype, "versions": versions}

    def cost(self) -> Cost:
        """See `Engine.cost`."""
        peak = torch.cuda.max_memory_allocated() if self.device == "cuda" else peak_memory_bytes()
        return {"device": self.device, "batch_size": self._row_limit, "peak_memory_bytes": peak}

    def _loaded_model(self) -> "PreTrainedModel":
        self.load()
        assert self._model is not None
        return self._model

    def _rows_in_memory(self, model: "PreTrainedModel", longest: int, decoding: Decoding) -> int:
        """Return the number of rows that fit into free memory if each of them generates max_new_tokens.

        `longest` is the length of the longest suffix in tokens.
        """
        if self.device == "cuda":
            free = torch.cuda.mem_get_info()[0]
        else:
            free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        config = model.config.get_text_config()
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        bytes_per_token = 2 * config.num_hidden_layers * config.num_key_value_heads * width * model.dtype.itemsize
        logits_bytes = 4 * 4 * config.vocab_size  # float32 takes 4 bytes, and sampling makes copies
        bytes_per_row = bytes_per_token * (longest + decoding.max_new_tokens) + logits_bytes
        rows = max(1, min(int(_MEMORY_SHARE * free / bytes_per_row), _MAX_ROWS))
        log.info("%.1f GB are free: %d requests at a time", free / 1e9, rows)
        return rows

    def _complete(
        self,
        model: "PreTrainedModel",
        prefix: list[int],
        waiting: collections.deque[Request],
        lengths: dict[str, int],
        decoder: SequenceDecoder,
        slots: int,
    ) -> Iterator[list[Completion]]:
        """Complete all `waiting` requests, up to `slots` at a time.

        `lengths` is a dict from a request's key to the number of tokens in its suffix.
        """
        running: list[ActiveSequence] = []
        rows = self._new_rows(model, prefix, slots)
        while waiting or running:
            started = self._start(waiting, lengths, running, decoder, slots)
            if started:
                decoder.advance(started, rows.start([sequence.suffix for sequence in started]))
            else:
                decoder.advance(running, rows.step([sequence.written[-1] for sequence in running]))
            finished = []
            for row in reversed(range(len(running))):
                if decoder.is_finished(running[row]):
                    finished.append(decoder.completion(running[row], len(prefix)))
                    rows.drop(row)
                    running[row] = running[-1]  # as `rows.drop` does
                    running.pop()
            if finished:
                yield finished[::-1]

    def _new_rows(self, model: "PreTrainedModel", prefix: list[int], slots: int) -> BatchedRows | SingleRow:
        if not self._batched:
            return SingleRow(model, prefix)
        return BatchedRows(model, self._encode_prefix(model, prefix), slots)

    def _encode_prefix(self, model: "PreTrainedModel", tokens: list[int]) -> PrefixCache:
        if self._prefix is None or self._prefix.tokens != tokens:
            self._prefix = None  # released first, so that memory never holds two prefixes
            self._prefix = PrefixCache(model, tokens)
        return self._prefix

    def _start(
        self,
        waiting: collections.deque[Request],
        lengths: dict[str, int],
        running: list[ActiveSequence],
        decoder: SequenceDecoder,
        slots: int,
    ) -> list[ActiveSequence]:
        """Start the next requests, as many as fit into free slots and one pass over their prompts.

        Returns their sequences, and adds them to `running`. See `_complete` for the arguments.
        """
        started: list[ActiveSequence] = []
        longest = 0
        while waiting and len(running) < slots:
            longest = max(longest, lengths[waiting[0].key])
            if started and longest * (len(started) + 1) > _PREFILL_TOKENS:
                break
            request = waiting.popleft()
            started.append(decoder.start(request, encode(self.tokenizer, request.suffix, continues=True)))
            running.append(started[-1])
        return started


def _likeliest(head: Head, hidden: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` likeliest tokens after each of the hidden states (tokens, hidden size), and log-probabilities.

    The logits of a few tokens exist at a time.
    """
    ids, log_probabilities = [], []
    for part in hidden.split(max(1, LOGITS_PER_CHUNK // head.vocabulary)):
        logits = head.compute_logits(part).float()
        values, tokens = logits.topk(count)
        ids.append(tokens.int())
        log_probabilities.append(values - logits.logsumexp(dim=-1, keepdim=True))
    return torch.cat(ids).cpu().numpy(), torch.cat(log_probabilities).cpu().numpy()
