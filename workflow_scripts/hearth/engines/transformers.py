"""The engine that runs everywhere: rows go through a transformers model together, the static prefix encoded once."""

import collections
import gc
import importlib.metadata
import logging
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from hearth import models
from hearth.engines import Completion, Decoding, Request, check_lengths
from hearth.engines.rows import Rows, SingleRow
from hearth.engines.turns import Turn, Turns, end_tokens

log = logging.getLogger(__name__)

# Prompt tokens that are read together: enough to fill a processor, few enough for what attention needs meanwhile.
_READ_TOGETHER = 1024


class TransformersEngine:
    """A model's folder, and a PEFT adapter if any, behind the `Engine` protocol.

    Up to `batch_size` requests are completed at a time, begun in the order given; where one ends, another takes its
    place. In float32 neither order nor batch size changes a completion; in bfloat16 they may. Weights are read
    by `load`, or when the first completion is asked for.
    """

    def __init__(
        self, folder: Path, adapter: Path | None = None, dtype: str = "auto", device: str = "auto", batch_size: int = 16
    ):
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1")
        self.device = models.resolve_device(device)
        self.dtype = models.resolve_dtype(dtype, self.device)
        self.tokenizer = models.load_tokenizer(folder)
        self._folder, self._adapter = folder, adapter
        self._fits = batch_size  # halved when the GPU's memory runs out, and kept so
        self._model = None

    def load(self) -> None:
        """See `Engine.load`."""
        if self._model is not None:
            return
        model = models.load_model(self._folder, self._adapter, self.dtype, self.device)
        # LoRA layers sit inside the base model, whose forward uses them.
        self._model = model.get_base_model() if self._adapter else model
        self._ends = end_tokens(self._folder, self.tokenizer, self._model.generation_config.eos_token_id)
        self._together = Rows.prepare(self._model)
        if not self._together:
            log.warning("%s has layers that do not attend to everything: one window at a time", self._folder)
            self._fits = 1

    @torch.inference_mode()
    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`."""
        self.load()
        head = self._tokens(prefix)
        waiting = collections.deque((request, self._tokens(request.suffix)) for request in requests)
        context = self._model.config.get_text_config().max_position_embeddings
        check_lengths(len(head), {request.key: len(ids) for request, ids in waiting}, decoding, context)
        turns = Turns(self.tokenizer, self._model.config.get_text_config().vocab_size, self._ends, decoding)
        while waiting:
            running: list[Turn] = []
            try:
                yield from self._complete(head, waiting, running, turns)
                continue
            except torch.OutOfMemoryError as error:
                if len(running) < 2:
                    request, ids = (running[0].request, running[0].tokens) if running else waiting[0]
                    raise ValueError(
                        f"{request.key} ({len(head) + len(ids)} prompt tokens) does not fit the GPU's memory "
                        "even alone; use dtype bfloat16, fewer max_new_tokens, or a larger GPU"
                    ) from error
            # After the except block: the error it held kept the rows' tensors alive.
            waiting.extendleft((turn.request, turn.tokens) for turn in reversed(running))
            self._fits = len(running) // 2
            gc.collect()
            torch.cuda.empty_cache()
            log.warning("out of GPU memory with %d windows at a time; going on with %d", len(running), self._fits)

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

    def _complete(
        self, head: list[int], waiting: collections.deque, running: list[Turn], turns: Turns
    ) -> Iterator[list[Completion]]:
        """Complete all that is `waiting`; `running` holds at any time what has begun and is not yielded."""
        rows = (
            Rows(self._model, head, min(self._fits, len(waiting))) if self._together else SingleRow(self._model, head)
        )
        while waiting or running:
            fresh = self._begin(waiting, running, turns)
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

    def _begin(self, waiting: collections.deque, running: list[Turn], turns: Turns) -> list[Turn]:
        """Requests that begin now, added to `running`: as many as there is room for and are well read together."""
        fresh: list[Turn] = []
        widest = 0
        while waiting and len(running) < self._fits:
            widest = max(widest, len(waiting[0][1]))
            if fresh and widest * (len(fresh) + 1) > _READ_TOGETHER:
                break
            fresh.append(turns.open(*waiting.popleft()))
            running.append(fresh[-1])
        return fresh
