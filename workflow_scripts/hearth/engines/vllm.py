"""The engine for GPU nodes: vLLM, in its own environment (envs/vllm.yaml)."""

import collections
import contextlib
import importlib.metadata
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

# vLLM reads these variables when it is imported. The scheduler runs in this process, so that repeated runs schedule the
# same batches. Only the workers of several GPUs have processes of their own, which end when this one does; they are
# spawned and not forked, so that they inherit no lock.
os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_WORKER_MULTIPROCESSING_METHOD="spawn")
os.environ.update(VLLM_NO_USAGE_STATS="1", VLLM_DO_NOT_TRACK="1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # as many threads as OMP_NUM_THREADS, on any core

import torch
import vllm
from transformers import AutoConfig, GenerationConfig
from vllm import EngineArgs, LLMEngine, SamplingParams
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams
from vllm.usage.usage_lib import UsageContext

from hearth.common.files import digest, file_digest
from hearth.common.memory import peak_memory_bytes
from hearth.engines.compile_cache import compile_cache
from hearth.engines.generation import answer_grammar
from hearth.engines.options import deciding_options
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
    request_seed,
    require_schema,
    unanswered_if_too_long,
)
from hearth.engines.tokens import decode, end_of_turn_tokens, locate_tokens
from hearth.engines.vllm_arguments import CPU_CACHE_BYTES, max_lora_rank
from hearth.engines.vllm_scores import scoring_arguments, scoring_parameters, token_scores
from hearth.models.load import load_tokenizer, resolve_dtype
from hearth.models.snapshot import ModelError
from hearth.models.tokens import encode

# Requests that vLLM holds, as a multiple of those that it can run at a time: its scheduler never waits for the next
# one, and memory never holds the tokens of a whole shard.
_QUEUE_LENGTH = 2


@dataclass
class _ActiveSequence:
    """An unfinished completion. vLLM generates it as a whole or in two parts: the reasoning, then the answer.

    `suffix` has the tokens of the request's suffix, `written` the tokens generated so far. `watching` is true while
    vLLM must stop where the reasoning ends. `before` is the text to write between the reasoning and the answer.
    """

    request: Request
    suffix: list[int]
    written: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    watching: bool = False
    reasoning_forced: bool = False
    before: str = ""

    def force(self, tokens: list[int], limit: int) -> None:
        """Append `tokens`, which the model did not choose, with log-probability 0. Stop at `limit` written tokens."""
        tokens = tokens[: limit - len(self.written)]
        self.written += tokens
        self.log_probabilities += [0.0] * len(tokens)


class VLLMEngine:
    """Run the model in `folder` with vLLM, with the LoRA adapter `adapter` if it is not None.

    See `Engine` for the protocol. Up to `batch_size` requests ('auto': vLLM's own number for offline use) run at a
    time, started in the order given. A finished request is replaced by the next one. The prefix is computed once:
    prefix caching is on. The model is split over `tensor_parallel` times `pipeline_parallel` GPUs of this machine.
    `options` are further arguments of vLLM (`hearth.engines.options`). What vLLM compiles is kept under `cache`, or in
    the home directory if that is None. `scores`: whether the engine is to score text.

    Greedy completions equal those of the transformers engine up to rounding: in float32 a difference is rare. In
    bfloat16 a completion may depend on the rest of its batch, and so may differ from run to run.

    vLLM does the sampling. It gets a seed for each request, a function of the decoding's seed and the request's key,
    but draws other tokens than the transformers engine. vLLM reports probabilities before temperature and nucleus but
    after the grammar, so this engine cannot report the confidence of constrained answers.
    """

    def __init__(
        self,
        folder: Path,
        adapter: Path | None,
        dtype: str,
        device: str,
        batch_size: int | Literal["auto"],
        tensor_parallel: int = 1,
        pipeline_parallel: int = 1,
        options: Mapping[str, Any] | None = None,
        cache: Path | None = None,
        scores: bool = False,
    ) -> None:
        if batch_size != "auto" and batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1, or auto")
        self.device: str = current_platform.device_type
        if device not in ("auto", self.device):
            raise ModelError(f"device is {device}, but this vLLM runs on {self.device}; use auto")
        self.dtype = resolve_dtype(dtype, self.device)
        self.batch_size = batch_size
        self.tokenizer = load_tokenizer(folder)
        self._folder, self._adapter = Path(folder), Path(adapter) if adapter else None
        self._parallel = {"tensor_parallel_size": tensor_parallel, "pipeline_parallel_size": pipeline_parallel}
        self._options, self._cache, self._scores = dict(options or {}), cache, scores
        self._engine: LLMEngine | None = None
        self._cached_prompt_tokens = 0

    def load(self) -> None:
        """See `Engine.load`."""
        if self._engine is not None:
            return
        self._ends = end_of_turn_tokens(self._folder, self.tokenizer, self._generation_config().eos_token_id)
        arguments = self._arguments()
        with compile_cache(self._cache / self._cache_key(arguments)) if self._cache else contextlib.nullcontext():
            config = arguments.create_engine_config(UsageContext.LLM_CLASS)
            self._context = config.model_config.max_model_len  # of the model; memory may have room for less
            self._engine = LLMEngine.from_vllm_config(config, UsageContext.LLM_CLASS, disable_log_stats=True)
        self._lora = LoRARequest("adapter", 1, str(self._adapter)) if self._adapter else None

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`. Raises ValueError also for a request that fits the context but not the memory."""
        if decoding.constrained and decoding.confidence != "none":
            raise ValueError(
                "decoding: confidence of constrained answers is not possible with vLLM, whose probabilities the "
                "grammar has changed; use engine.name transformers"
            )
        engine = self._loaded_engine()
        running: dict[str, _ActiveSequence] = {}
        try:
            yield from self._complete(engine, prefix, collections.deque(requests), running, decoding)
        finally:  # a caller that stops half way leaves no request running
            engine.abort_request(list(running))

    def _arguments(self) -> EngineArgs:
        on_cpu = self.device == "cpu"
        lora = {"enable_lora": True, "max_lora_rank": max_lora_rank(self._adapter)} if self._adapter else {}
        settings = {
            "max_model_len": -1,  # as long as the model allows and the cache has room for
            "enforce_eager": on_cpu,  # compiling takes longer than it saves on a CPU
            **self._options,
        }
        if self._scores:
            settings |= scoring_arguments(settings)
        return EngineArgs(
            model=str(self._folder),
            dtype=self.dtype,
            load_format="safetensors",
            generation_config="vllm",  # our decoding alone decides, not the model's generation_config.json
            max_num_seqs=None if self.batch_size == "auto" else self.batch_size,
            enable_prefix_caching=True,
            structured_outputs_config={"backend": "xgrammar"},
            kv_cache_memory_bytes=CPU_CACHE_BYTES if on_cpu else None,
            disable_log_stats=True,
            **self._parallel,
            **lora,
            **settings,
        )

    def _cache_key(self, arguments: EngineArgs) -> str:
        """Return a digest of all that decides the code that vLLM compiles: shapes, but not weights."""
        return digest(
            {
                "config": file_digest(self._folder / "config.json"),
                "identity": self.identity(),
                "device": current_platform.get_device_name(),
                "batch_size": self.batch_size,
                "lora_rank": arguments.max_lora_rank if self._adapter else 0,
                **self._parallel,
                **self._options,
            }
        )[:16]

    def _loaded_engine(self) -> LLMEngine:
        self.load()
        assert self._engine is not None
        return self._engine

    def _complete(
        self,
        engine: LLMEngine,
        prefix_text: str,
        waiting: collections.deque[Request],
        running: dict[str, _ActiveSequence],
        decoding: Decoding,
    ) -> Iterator[list[Completion]]:
        """Complete all `waiting` requests; `running` is a dict from the name of a vLLM request to its sequence."""
        prefix = encode(self.tokenizer, prefix_text)
        limit = _QUEUE_LENGTH * engine.vllm_config.scheduler_config.max_num_seqs
        numbers = itertools.count()
        while waiting or running:
            finished = []
            while waiting and len(running) < limit:
                request = waiting.popleft()
                sequence = _ActiveSequence(request, encode(self.tokenizer, request.suffix, continues=True))
                if unanswered := self._check_length(request.key, len(prefix) + len(sequence.suffix), decoding):
                    finished.append(unanswered)
                    continue
                self._prepare(sequence, decoding)
                running[self._submit_part(engine, sequence, prefix, decoding, next(numbers))] = sequence
            for output in engine.step() if running else ():
                if not output.finished:
                    continue
                sequence = running.pop(output.request_id)
                self._cached_prompt_tokens += output.num_cached_tokens or 0
                if self._add_part(sequence, output.outputs[0], decoding):
                    finished.append(self._completion(sequence, len(prefix), decoding))
                else:
                    running[self._submit_part(engine, sequence, prefix, decoding, next(numbers))] = sequence
            if finished:
                yield finished

    def _check_length(self, key: str, prompt_tokens: int, decoding: Decoding) -> Completion | None:
        """Return an unanswered completion for a prompt that does not fit the model's context; None for one that fits.

        Raises ValueError for a prompt that fits the model's context but not the memory, which decides no result.
        """
        if unanswered := unanswered_if_too_long(key, prompt_tokens, decoding, self._context):
            return unanswered
        room = self._loaded_engine().model_config.max_model_len
        if prompt_tokens + decoding.max_new_tokens > room:
            raise ValueError(
                f"{key} needs {prompt_tokens} tokens for its prompt and {decoding.max_new_tokens} for its answer, but "
                f"beside the weights the memory has room for {room} only; use more or larger GPUs, or fewer "
                "max_new_tokens"
            )
        return None

    @property
    def vocabulary(self) -> int:
        """See `LocalEngine.vocabulary`."""
        size: int = self._loaded_engine().model_config.get_vocab_size()
        return size

    def score(self, prefix: str, requests: Iterable[ScoreRequest], top_tokens: int) -> Iterator[list[TokenScores]]:
        """See `LocalEngine.score`. vLLM reads the whole prompt of such a request, without its prefix cache."""
        engine = self._loaded_engine()
        check_top_tokens(top_tokens, self.vocabulary)
        prefix_tokens, parameters = encode(self.tokenizer, prefix), scoring_parameters(top_tokens)
        running: dict[str, ScoreRequest] = {}
        try:
            for number, request in enumerate(one for one in requests if one.tokens):
                prompt = [*prefix_tokens, *encode(self.tokenizer, request.suffix, continues=True), *request.tokens]
                # One token more is generated.
                check_scored_length(request.key, len(prompt) + 1, engine.model_config.max_model_len)
                running[str(number)] = request
                tokens = {"prompt_token_ids": prompt}
                engine.add_request(str(number), tokens, parameters, lora_request=self._lora)
            while running:
                finished = [output for output in engine.step() if output.finished]
                if finished:
                    yield [token_scores(running.pop(output.request_id), output, top_tokens) for output in finished]
        finally:
            engine.abort_request(list(running))

    def identity(self) -> Identity:
        """See `Engine.identity`."""
        # vLLM's builds for a CPU and for a GPU have different package names.
        versions = {"vllm": vllm.__version__.partition("+")[0]}
        versions |= {package: importlib.metadata.version(package) for package in ("torch", "transformers", "xgrammar")}
        identity: Identity = {"engine": "vllm", "dtype": self.dtype, "versions": versions}
        if options := deciding_options(self._options):
            identity["options"] = options
        return identity

    def cost(self) -> Cost:
        """See `Engine.cost`. Peak memory on a GPU is mostly vLLM's key-value cache, which takes all free memory.

        The memory of several GPUs is unknown: their processes do not report it.
        """
        peak = None
        if max(self._parallel.values()) == 1:
            peak = peak_memory_bytes() if self.device == "cpu" else torch.cuda.max_memory_allocated()
        return {
            "device": self.device,
            "batch_size": self._engine.vllm_config.scheduler_config.max_num_seqs if self._engine else self.batch_size,
            "peak_memory_bytes": peak,
            "cached_prompt_tokens": self._cached_prompt_tokens,
        }

    def _generation_config(self) -> GenerationConfig:
        try:
            return GenerationConfig.from_pretrained(self._folder, local_files_only=True)
        except OSError:  # no generation_config.json: use the model's config, as transformers does
            return GenerationConfig.from_model_config(AutoConfig.from_pretrained(self._folder, local_files_only=True))

    def _prepare(self, sequence: _ActiveSequence, decoding: Decoding) -> None:
        """Decide whether vLLM must stop where the sequence's reasoning ends; open reasoning that a grammar waits for.

        Raises ValueError if `decoding` needs a schema that the request lacks or a closing token that the model lacks.
        """
        block = sequence.request.reasoning_block
        if decoding.constrained:
            require_schema(sequence.request)
        if block is None or not (decoding.constrained or decoding.reasoning_budget):
            return
        closing = block.closing.strip()
        if len(encode(self.tokenizer, closing, continues=True)) != 1:
            raise ValueError(
                f"decoding: {self._folder} has no token for {closing!r}, which vLLM needs to see where "
                "reasoning ends; use engine.name transformers, or no reasoning"
            )
        sequence.watching = True
        sequence.before = block.closing.partition(closing)[2]
        if decoding.constrained and not sequence.request.suffix.rstrip().endswith(block.opening.strip()):
            sequence.force(encode(self.tokenizer, block.opening, continues=True), decoding.max_new_tokens)

    def _submit_part(
        self, engine: LLMEngine, sequence: _ActiveSequence, prefix: list[int], decoding: Decoding, number: int
    ) -> str:
        """Submit the next part of a sequence to vLLM; return the name of the vLLM request, which is `number`."""
        limit = decoding.max_new_tokens - len(sequence.written)
        ends, grammar = self._ends, None
        if sequence.watching and (block := sequence.request.reasoning_block):
            ends = [*ends, *encode(self.tokenizer, block.closing.strip(), continues=True)]
            budget = decoding.reasoning_budget or decoding.max_new_tokens
            limit = min(limit, max(1, budget - len(sequence.written)))
        elif decoding.constrained:
            schema = require_schema(sequence.request)
            grammar = StructuredOutputsParams(grammar=str(answer_grammar(schema, sequence.before)))
        parameters = SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            top_k=decoding.top_k,
            seed=request_seed(decoding.seed, f"{sequence.request.key}\n{len(sequence.written)}"),
            max_tokens=limit,
            stop_token_ids=ends,
            logprobs=0 if decoding.confidence == "tokens" else None,
            structured_outputs=grammar,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        name = str(number)
        prompt = {"prompt_token_ids": prefix + sequence.suffix + sequence.written}
        engine.add_request(name, prompt, parameters, lora_request=self._lora)
        return name

    def _add_part(self, sequence: _ActiveSequence, part: Any, decoding: Decoding) -> bool:
        """Add the output `part` of a finished vLLM request to its sequence; return whether the sequence is finished."""
        sequence.written += part.token_ids
        if part.logprobs is not None:
            sequence.log_probabilities += [
                values[token].logprob for token, values in zip(part.token_ids, part.logprobs, strict=True)
            ]
        block = sequence.request.reasoning_block
        if sequence.written[-1] in self._ends or not sequence.watching or block is None:
            return True
        sequence.watching = False
        closing = encode(self.tokenizer, block.closing.strip(), continues=True)
        if sequence.written[-1:] != closing and self._is_reasoning(sequence, block.opening.strip()):
            sequence.reasoning_forced = len(sequence.written) < decoding.max_new_tokens
            sequence.force(encode(self.tokenizer, block.closing, continues=True), decoding.max_new_tokens)
            sequence.before = ""
        return len(sequence.written) == decoding.max_new_tokens

    def _is_reasoning(self, sequence: _ActiveSequence, opening: str) -> bool:
        return opening in self.tokenizer.decode(sequence.written) or sequence.request.suffix.rstrip().endswith(opening)

    def _completion(self, sequence: _ActiveSequence, prefix_length: int, decoding: Decoding) -> Completion:
        stopped = sequence.written[-1] in self._ends
        tokens = sequence.written[:-1] if stopped else sequence.written
        return Completion(
            key=sequence.request.key,
            text=decode(self.tokenizer, tokens),
            finish_reason="stop" if stopped else "length",
            prompt_tokens=prefix_length + len(sequence.suffix),
            completion_tokens=len(sequence.written),
            reasoning_forced=sequence.reasoning_forced,
            scored_tokens=locate_tokens(self.tokenizer, tokens, sequence.log_probabilities)
            if decoding.confidence == "tokens"
            else None,
        )
