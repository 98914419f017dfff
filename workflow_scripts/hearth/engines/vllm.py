"""The engine for GPU nodes: vLLM, in an environment of its own (envs/vllm.yaml)."""

import collections
import importlib.metadata
import os
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# vLLM reads these when it is imported. In one process nothing outlives a kill, and batches are scheduled alike.
os.environ.update(VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_NO_USAGE_STATS="1", VLLM_DO_NOT_TRACK="1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # threads are OMP_NUM_THREADS, wherever there is room

import torch
import vllm
from transformers import AutoConfig, GenerationConfig
from vllm import EngineArgs, LLMEngine, SamplingParams
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from hearth.common import files
from hearth.engines import Completion, Decoding, Request, check_lengths, request_seed
from hearth.engines.generation import answer_grammar, end_tokens, pieces
from hearth.models.load import load_tokenizer, resolve_dtype
from hearth.models.snapshot import ModelError

# Bytes for keys and values on a CPU, where vLLM would take nearly all memory of the machine.
_CPU_CACHE = 2 * 2**30
_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)


@dataclass
class _Turn:
    """A request's completion so far, written part by part: reasoning that must be watched, then the answer."""

    request: Request
    tokens: list[int]
    written: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    reasoning: bool = False  # whether the part under way ends where reasoning does
    reasoning_forced: bool = False
    before: str = ""  # what stands between reasoning and answer and is not written yet

    def force(self, tokens: list[int], most: int) -> None:
        """Write tokens that are not the model's, as long as no more than `most` are written; nothing was drawn."""
        tokens = tokens[: most - len(self.written)]
        self.written += tokens
        self.log_probabilities += [0.0] * len(tokens)


class VLLMEngine:
    """A model's folder, and a LoRA adapter if any, behind the `Engine` protocol.

    Up to `batch_size` requests are completed at a time, begun in the order given; where one ends, another takes its
    place. The prefix is computed once: prefix caching is on.

    Greedy completions are the transformers engine's as far as rounding allows: in float32 a difference is rare. In
    bfloat16 a completion may change with what else is in its batch, and so from run to run; nothing is promised there.
    Sampling is vLLM's: a request's seed is a function of the decoding's seed and of its key, and the draws
    are others than the transformers engine's. Probabilities are asked for before temperature and nucleus, but
    after the grammar, so confidence and constrained answers do not go together.
    """

    def __init__(
        self, folder: Path, adapter: Path | None = None, dtype: str = "auto", device: str = "auto", batch_size: int = 16
    ):
        if batch_size < 1:
            raise ValueError(f"batch size is {batch_size}; it must be at least 1")
        self.device = current_platform.device_type
        if device not in ("auto", self.device):
            raise ModelError(f"device {device} was asked for and this vLLM runs on {self.device}; use auto")
        self.dtype = resolve_dtype(dtype, self.device)
        self.batch_size = batch_size
        self.tokenizer = load_tokenizer(folder)
        self._folder, self._adapter = Path(folder), adapter and Path(adapter)
        self._engine: LLMEngine | None = None

    def load(self) -> None:
        """See `Engine.load`."""
        if self._engine is not None:
            return
        self._ends = end_tokens(self._folder, self.tokenizer, self._generation_config().eos_token_id)
        on_cpu = self.device == "cpu"
        arguments = EngineArgs(
            model=str(self._folder),
            dtype=self.dtype,
            load_format="safetensors",
            generation_config="vllm",  # decoding is said in one place only
            max_model_len=-1,  # as long as the model allows and the cache has room for
            max_num_seqs=self.batch_size,
            enable_prefix_caching=True,
            structured_outputs_config={"backend": "xgrammar"},
            kv_cache_memory_bytes=_CPU_CACHE if on_cpu else None,
            enforce_eager=on_cpu,  # compiling takes longer than it saves there
            disable_log_stats=True,
            **({"enable_lora": True, "max_lora_rank": self._rank()} if self._adapter else {}),
        )
        self._engine = LLMEngine.from_engine_args(arguments)
        self._lora = LoRARequest("adapter", 1, str(self._adapter)) if self._adapter else None

    def complete(self, prefix: str, requests: Iterable[Request], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.complete`."""
        if decoding.constrained and decoding.confidence != "none":
            raise ValueError(
                "decoding: confidence of constrained answers is not possible with vLLM, whose probabilities the "
                "grammar has changed; use engine.name transformers"
            )
        self.load()
        head = self._tokens(prefix)
        waiting = collections.deque(_Turn(request, self._tokens(request.suffix)) for request in requests)
        context = self._engine.model_config.max_model_len
        check_lengths(len(head), {turn.request.key: len(turn.tokens) for turn in waiting}, decoding, context)
        for turn in waiting:
            self._open(turn, decoding)
        running: dict[str, _Turn] = {}
        try:
            yield from self._complete(head, waiting, running, decoding)
        finally:  # whoever stops asking half way leaves nothing under way
            self._engine.abort_request(list(running))

    def _complete(
        self, head: list[int], waiting: collections.deque, running: dict[str, _Turn], decoding: Decoding
    ) -> Iterator[list[Completion]]:
        """Complete all that is `waiting`; `running` holds, by the names of vLLM's requests, what is under way."""
        begun = 0
        while waiting or running:
            while waiting and len(running) < self.batch_size:
                turn = waiting.popleft()
                running[self._go_on(turn, head, decoding, begun)] = turn
                begun += 1
            over = []
            for output in self._engine.step():
                if not output.finished:
                    continue
                turn = running.pop(output.request_id)
                if self._is_over(turn, output.outputs[0], decoding):
                    over.append(self._completion(turn, len(head), decoding))
                else:
                    running[self._go_on(turn, head, decoding, begun)] = turn
                    begun += 1
            if over:
                yield over

    def identity(self) -> dict:
        """See `Engine.identity`."""
        # vLLM's builds for a CPU and for a GPU are two packages.
        versions = {"vllm": vllm.__version__.partition("+")[0]}
        versions |= {package: importlib.metadata.version(package) for package in ("torch", "transformers", "xgrammar")}
        return {"engine": "vllm", "dtype": self.dtype, "versions": versions}

    def cost(self) -> dict:
        """See `Engine.cost`; on a GPU the peak is mostly the cache, which takes what is free."""
        if self.device == "cpu":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        else:
            peak = torch.cuda.max_memory_allocated()
        return {"device": self.device, "batch_size": self.batch_size, "peak_memory_bytes": peak}

    def _generation_config(self) -> GenerationConfig:
        try:
            return GenerationConfig.from_pretrained(self._folder, local_files_only=True)
        except OSError:  # no such file: what transformers then goes by
            return GenerationConfig.from_model_config(AutoConfig.from_pretrained(self._folder, local_files_only=True))

    def _rank(self) -> int:
        """The least rank that vLLM makes room for and that holds the adapter's."""
        rank = files.read_json(self._adapter / "adapter_config.json")["r"]
        fitting = [known for known in _LORA_RANKS if known >= rank]
        if not fitting:
            raise ModelError(f"{self._adapter}: rank {rank} is more than vLLM's {_LORA_RANKS[-1]}")
        return fitting[0]

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _open(self, turn: _Turn, decoding: Decoding) -> None:
        """Know how a turn begins. Raises ValueError where it lacks what the decoding needs."""
        thought = turn.request.thought
        if decoding.constrained and turn.request.schema is None:
            raise ValueError(f"{turn.request.key}: constrained decoding needs a JSON schema, and this request has none")
        if thought is None or not (decoding.constrained or decoding.reasoning_budget):
            return
        if len(self._tokens(thought.closing.strip())) != 1:
            raise ValueError(
                f"decoding: {self._folder} has no token for {thought.closing.strip()!r}, which vLLM needs to see where "
                "reasoning ends; use engine.name transformers, or no reasoning"
            )
        turn.reasoning = True
        turn.before = thought.closing.partition(thought.closing.strip())[2]
        if decoding.constrained and not turn.request.suffix.rstrip().endswith(thought.opening.strip()):
            turn.force(self._tokens(thought.opening), decoding.max_new_tokens)

    def _go_on(self, turn: _Turn, head: list[int], decoding: Decoding, number: int) -> str:
        """Have the next part of a turn written; the name of vLLM's request for it."""
        left = decoding.max_new_tokens - len(turn.written)
        ends, grammar = self._ends, None
        if turn.reasoning:
            ends = [*ends, *self._tokens(turn.request.thought.closing.strip())]
            left = min(left, max(1, (decoding.reasoning_budget or decoding.max_new_tokens) - len(turn.written)))
        elif decoding.constrained:
            grammar = StructuredOutputsParams(grammar=str(answer_grammar(turn.request.schema, turn.before)))
        parameters = SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            top_k=decoding.top_k,
            seed=request_seed(decoding.seed, f"{turn.request.key}\n{len(turn.written)}"),
            max_tokens=left,
            stop_token_ids=ends,
            logprobs=0 if decoding.confidence == "tokens" else None,
            structured_outputs=grammar,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        name = str(number)
        prompt = {"prompt_token_ids": head + turn.tokens + turn.written}
        self._engine.add_request(name, prompt, parameters, lora_request=self._lora)
        return name

    def _is_over(self, turn: _Turn, part, decoding: Decoding) -> bool:
        """Add the part that vLLM has written to a turn; whether that was its last."""
        turn.written += part.token_ids
        if part.logprobs is not None:
            turn.log_probabilities += [
                values[token].logprob for token, values in zip(part.token_ids, part.logprobs, strict=True)
            ]
        if turn.written[-1] in self._ends or not turn.reasoning:
            return True
        turn.reasoning = False
        thought = turn.request.thought
        closed = self._tokens(thought.closing.strip())
        if turn.written[-1:] != closed and self._is_thinking(turn):
            turn.reasoning_forced = len(turn.written) < decoding.max_new_tokens
            turn.force(self._tokens(thought.closing), decoding.max_new_tokens)
            turn.before = ""
        return len(turn.written) == decoding.max_new_tokens

    def _is_thinking(self, turn: _Turn) -> bool:
        opening = turn.request.thought.opening.strip()
        return opening in self.tokenizer.decode(turn.written) or turn.request.suffix.rstrip().endswith(opening)

    def _completion(self, turn: _Turn, before: int, decoding: Decoding) -> Completion:
        stopped = turn.written[-1] in self._ends
        written = turn.written[:-1] if stopped else turn.written
        confident = decoding.confidence == "tokens"
        return Completion(
            key=turn.request.key,
            text=self.tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False),
            finish_reason="stop" if stopped else "length",
            prompt_tokens=before + len(turn.tokens),
            completion_tokens=len(turn.written),
            reasoning_forced=turn.reasoning_forced,
            pieces=pieces(self.tokenizer, written, turn.log_probabilities) if confident else None,
        )
