"""The engine that runs everywhere: batches through transformers' `generate`, the static prefix encoded once."""

import copy
import gc
import importlib.metadata
import logging
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from transformers import DynamicCache, GenerationConfig
from transformers.cache_utils import DynamicLayer

from hearth import models
from hearth.engines import Completion, Decoding, Request
from hearth.engines.sampling import processors

log = logging.getLogger(__name__)


class TransformersEngine:
    """A model's folder, and a PEFT adapter if any, behind the `Engine` protocol.

    Requests are cut into batches of `batch_size` in the order given; each batch is laid out
    [prefix | padding | suffix]. In float32 neither order nor batch size changes a completion; in
    bfloat16 they may. Weights are read by `load`, or when the first completion is asked for.
    """

    def __init__(
        self, folder: Path, adapter: Path | None = None, dtype: str = "auto", device: str = "auto", batch_size: int = 16
    ):
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1")
        self.device = models.resolve_device(device)
        self.dtype = models.resolve_dtype(dtype, self.device)
        self.batch_size = batch_size
        self.tokenizer = models.load_tokenizer(folder)
        self._folder, self._adapter = folder, adapter
        self._fits = batch_size  # halved when the GPU's memory runs out, and kept so
        self._model = None
        self._encoded: tuple[tuple[int, ...], DynamicCache | None] | None = None

    def load(self) -> None:
        """See `Engine.load`."""
        if self._model is not None:
            return
        model = models.load_model(self._folder, self._adapter, self.dtype, self.device)
        # LoRA layers sit inside the base model; its own `generate` uses them, and takes its settings from one place.
        self._model = model.get_base_model() if self._adapter else model
        self._ends = self._end_tokens(self._model.generation_config.eos_token_id)

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`: one list a batch, in the order of `requests`."""
        self.load()
        head = self._tokens(prefix)
        prompts = [(request.key, self._tokens(request.suffix)) for request in requests]
        self._check_lengths(head, prompts, decoding)
        for first in range(0, len(prompts), self.batch_size):
            yield self._batch(head, prompts[first : first + self.batch_size], decoding)

    def identity(self) -> dict:
        """See `Engine.identity`."""
        return {"engine": "transformers", "dtype": self.dtype, "versions": _versions("torch", "transformers", "peft")}

    def cost(self) -> dict:
        """See `Engine.cost`; on a CPU the peak is that of the whole process."""
        if self.device == "cuda":
            peak = torch.cuda.max_memory_allocated()
        else:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"device": self.device, "batch_size": self._fits, "peak_memory_bytes": peak}

    def _end_tokens(self, said: int | list[int] | None) -> list[int]:
        """Tokens that end a turn, by the model's generation settings (`said`) and by its tokenizer."""
        ends = {*(said if isinstance(said, list) else [said]), self.tokenizer.eos_token_id} - {None}
        if not ends:
            raise ValueError(f"{self._folder}: neither generation_config.json nor the tokenizer says what ends a turn")
        return sorted(ends)

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _check_lengths(self, head: list[int], prompts: list[tuple[str, list[int]]], decoding: Decoding) -> None:
        context = self._model.config.get_text_config().max_position_embeddings
        long = [(key, n) for key, ids in prompts if (n := len(head) + len(ids)) + decoding.max_new_tokens > context]
        if long:
            key, length = max(long, key=lambda item: item[1])
            raise ValueError(
                f"{len(long)} of {len(prompts)} prompts do not fit the model's context of {context} tokens: "
                f"{key} has {length}, {len(head)} of them the static prefix, and max_new_tokens asks for "
                f"{decoding.max_new_tokens} more; lower max_new_tokens or use a model with a longer context"
            )

    def _batch(self, head, batch, decoding: Decoding) -> list[Completion]:
        """Complete one batch, in smaller pieces where memory is short."""
        done: list[Completion] = []
        while len(done) < len(batch):
            piece = batch[len(done) : len(done) + self._fits]
            try:
                done += self._generate(head, piece, decoding)
                continue
            except torch.OutOfMemoryError as error:
                if len(piece) == 1:
                    raise ValueError(
                        f"{piece[0][0]} ({len(head) + len(piece[0][1])} prompt tokens) does not fit the GPU's memory "
                        "even alone; use dtype bfloat16, fewer max_new_tokens, or a larger GPU"
                    ) from error
            # After the except block: the error it held kept the failed batch's tensors alive.
            self._fits = len(piece) // 2
            gc.collect()
            torch.cuda.empty_cache()
            log.warning("out of GPU memory with %d windows at a time; going on with %d", len(piece), self._fits)
        return done

    @torch.inference_mode()
    def _generate(self, head: list[int], batch, decoding: Decoding) -> list[Completion]:
        ends = self._ends
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else ends[0]
        width = max(len(ids) for _, ids in batch)
        rows = [head + [pad] * (width - len(ids)) + ids for _, ids in batch]
        seen = [[1] * len(head) + [0] * (width - len(ids)) + [1] * len(ids) for _, ids in batch]
        # generate() fills what its caller leaves open from the model's own settings, a repetition penalty for one:
        # decoding is said in one place only.
        self._model.generation_config = GenerationConfig(
            do_sample=False, max_new_tokens=decoding.max_new_tokens, eos_token_id=ends, pad_token_id=pad
        )
        output = self._model.generate(
            input_ids=torch.tensor(rows, device=self.device),
            attention_mask=torch.tensor(seen, device=self.device),
            past_key_values=self._prefix_cache(head, len(batch)),
            logits_processor=processors(decoding, [key for key, _ in batch], len(head) + width),
        )
        written = output[:, len(head) + width :].tolist()
        return [
            self._completion(key, len(head) + len(ids), new, ends)
            for (key, ids), new in zip(batch, written, strict=True)
        ]

    def _prefix_cache(self, head: list[int], rows: int) -> DynamicCache | None:
        """A fresh cache of the prefix for `rows` prompts (`generate` writes into it); None where none can be shared."""
        if self._encoded is None or self._encoded[0] != tuple(head):
            self._encoded = (tuple(head), self._encode(head))
        cache = copy.deepcopy(self._encoded[1])
        if cache is not None:
            cache.batch_repeat_interleave(rows)
        return cache

    def _encode(self, head: list[int]) -> DynamicCache | None:
        if not head:
            return None
        cache = self._model(
            input_ids=torch.tensor([head], device=self.device), use_cache=True, logits_to_keep=1
        ).past_key_values
        # Sliding windows and recurrent states count positions, padding included: such a model reads whole prompts.
        plain = isinstance(cache, DynamicCache) and all(type(layer) is DynamicLayer for layer in cache.layers)
        return cache if plain else None

    def _completion(self, key: str, prompt_tokens: int, tokens: list[int], ends: list[int]) -> Completion:
        end = next((at for at, token in enumerate(tokens) if token in ends), None)
        text = self.tokenizer.decode(tokens[:end], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if end is None:
            return Completion(key, text, "length", prompt_tokens, len(tokens))
        return Completion(key, text, "stop", prompt_tokens, end + 1)


def _versions(*packages: str) -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in packages}
