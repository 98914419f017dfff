"""The engine that runs everywhere: rows go through a transformers model together, the static prefix encoded once."""

import collections
import gc
import importlib.metadata
import logging
import os
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import torch

from hearth.engines import Completion, Decoding, Request, check_lengths
from hearth.engines.generation import Turn, Turns, end_tokens
from hearth.engines.kv_cache import Prefix, Rows, SingleRow
from hearth.engines.prepacked_linear import pack
from hearth.models.load import load_model, load_tokenizer, resolve_device, resolve_dtype

log = logging.getLogger(__name__)

# Prompt tokens that are read together: enough to fill a processor, few enough for what attention needs meanwhile.
_READ_TOGETHER = 1024
# With batch size auto: the share of free memory that rows may come to fill, and the most rows; more gain little.
_MEMORY_SHARE = 0.8
_MOST_ROWS = {"cuda": 128, "cpu": 32}


class TransformersEngine:
    """A model's folder, and a PEFT adapter if any, behind the `Engine` protocol.

    Up to `batch_size` requests ('auto': as many as the free memory holds) are completed at a time, begun in the order
    given; where one ends, another takes its place. In float32 neither order nor batch size changes a completion; in
    bfloat16 they may. Weights are read by `load`, or when the first completion is asked for.
    """

    def __init__(
        self,
        folder: Path,
        adapter: Path | None = None,
        dtype: str = "auto",
        device: str = "auto",
        batch_size: int | Literal["auto"] = 16,
    ):
        if batch_size != "auto" and batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1, or auto")
        self.device = resolve_device(device)
        self.dtype = resolve_dtype(dtype, self.device)
        self.tokenizer = load_tokenizer(folder)
        self._folder, self._adapter = folder, adapter
        self._fits = batch_size  # a number once it is known; halved when the GPU's memory runs out, and kept so
        self._model = None
        self._prefix: Prefix | None = None  # the last one: mostly the next call has the same

    def load(self) -> None:
        """See `Engine.load`."""
        if self._model is not None:
            return
        model = load_model(self._folder, self._adapter, self.dtype, self.device)
        # LoRA layers sit inside the base model, whose forward uses them.
        self._model = model.get_base_model() if self._adapter else model
        self._ends = end_tokens(self._folder, self.tokenizer, self._model.generation_config.eos_token_id)
        self._together = Rows.prepare(self._model)
        if not self._together:
            log.warning("%s has layers that do not attend to everything: one window at a time", self._folder)
            self._fits = 1
        if self.device == "cpu" and self.dtype == "float32" and torch.backends.mkldnn.is_available():
            pack(self._model)

    @torch.inference_mode()
    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`."""
        self.load()
        head = self._tokens(prefix)
        waiting = collections.deque(requests)
        # Their tokens would take more memory than all else that is kept of a window: they are made again in its turn.
        lengths = {request.key: len(self._tokens(request.suffix)) for request in waiting}
        context = self._model.config.get_text_config().max_position_embeddings
        check_lengths(len(head), lengths, decoding, context)
        if self._fits == "auto":
            self._fits = self._rows_in_memory(max(lengths.values(), default=0), decoding)
        turns = Turns(self.tokenizer, self._model.config.get_text_config().vocab_size, self._ends, decoding)
        while waiting:
            running: list[Turn] = []
            slots = min(self._fits, len(waiting))
            try:
                yield from self._complete(head, waiting, lengths, running, turns, slots)
                continue
            except torch.OutOfMemoryError as error:
                if slots == 1:
                    key = (running[0].request if running else waiting[0]).key
                    raise ValueError(
                        f"{key} ({len(head) + lengths[key]} prompt tokens) does not fit the GPU's memory "
                        "even alone; use dtype bfloat16, fewer max_new_tokens, or a larger GPU"
                    ) from error
            # After the except block: the error it held kept the rows' tensors alive.
            waiting.extendleft(turn.request for turn in reversed(running))
            # Not of the rows that run: memory is taken for all slots when the first rows are begun.
            self._fits = slots // 2
            gc.collect()
            torch.cuda.empty_cache()
            log.warning("out of GPU memory with %d windows at a time; going on with %d", slots, self._fits)

    def identity(self) -> dict:
        """See `Engine.identity`."""
        packages = ("torch", "transformers", "peft", "xgrammar")
        versions = {package: importlib.metadata.version(package) for package in packages}
        return {"engine": "transformers", "dtype": self.dtype, "versions": versions}

    def cost(self) -> dict:
        """See `Engine.cost`; on a CPU the peak is that of the whole process."""
        if self.device == "cuda":
            peak = torch.cuda.max_memory_allocated()
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"device": self.device, "batch_size": self._fits, "peak_memory_bytes": peak}

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _rows_in_memory(self, longest: int, decoding: Decoding) -> int:
        """How many rows the free memory holds when every one grows as long as it may."""
        if self.device == "cuda":
            free = torch.cuda.mem_get_info()[0]
        else:
            free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        config = self._model.config.get_text_config()
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        token = 2 * config.num_hidden_layers * config.num_key_value_heads * width * self._model.dtype.itemsize
        scores = 4 * 4 * config.vocab_size  # float32, and copies that choosing among them makes
        fits = int(_MEMORY_SHARE * free / (token * (longest + decoding.max_new_tokens) + scores))
        fits = max(1, min(fits, _MOST_ROWS[self.device]))
        log.info("%.1f GB are free: %d windows at a time", free / 1e9, fits)
        return fits

    def _complete(
        self,
        head: list[int],
        waiting: collections.deque[Request],
        lengths: dict[str, int],
        running: list[Turn],
        turns: Turns,
        slots: int,
    ) -> Iterator[list[Completion]]:
        """Complete all that is `waiting`, up to `slots` at a time; `lengths` are those of suffixes in tokens, by key.

        `running` holds at any time what has begun and is not yielded.
        """
        rows = Rows(self._model, self._encoded(head), slots) if self._together else SingleRow(self._model, head)
        while waiting or running:
            fresh = self._begin(waiting, lengths, running, turns, slots)
            if fresh:
                turns.advance(fresh, rows.start([turn.tokens for turn in fresh]))
            else:
                turns.advance(running, rows.step([turn.written[-1] for turn in running]))
            over = []
            for row in reversed(range(len(running))):
                if turns.is_over(running[row]):
                    over.append(turns.completion(running[row], len(head)))
                    rows.drop(row)
                    running[row] = running[-1]  # as in rows
                    running.pop()
            if over:
                yield over[::-1]

    def _encoded(self, head: list[int]) -> Prefix:
        if self._prefix is None or self._prefix.tokens != head:
            self._prefix = None  # first, so that memory never holds two
            self._prefix = Prefix(self._model, head)
        return self._prefix

    def _begin(
        self, waiting: collections.deque, lengths: dict[str, int], running: list[Turn], turns: Turns, slots: int
    ) -> list[Turn]:
        """Requests that begin now, added to `running`: as many as there is room for and are well read together."""
        fresh: list[Turn] = []
        widest = 0
        while waiting and len(running) < slots:
            widest = max(widest, lengths[waiting[0].key])
            if fresh and widest * (len(fresh) + 1) > _READ_TOGETHER:
                break
            request = waiting.popleft()
            fresh.append(turns.open(request, self._tokens(request.suffix)))
            running.append(fresh[-1])
        return fresh
