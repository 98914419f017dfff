"""Train one student: a Trainer that computes the gradients of an optimiser step in micro-batches of its own.

DeepSpeed and the Trainer see one batch, one forward pass and one backward pass for each optimiser step. Within it, the
gradients of micro-batches are summed in float32, without DeepSpeed. So the size of a micro-batch decides nothing but
rounding, and a rank that runs out of memory computes its share of the step again in smaller micro-batches, while the
other ranks wait for its gradients.

Under ZeRO-3, where every pass through the model needs all ranks, each micro-batch has a backward pass of DeepSpeed's,
and all ranks have equally many micro-batches.
"""

import functools
import gc
from collections.abc import Callable, Sequence
from typing import Any

import deepspeed
import torch
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer
from transformers.integrations import is_deepspeed_zero3_enabled

from hearth.common.cli import UserError
from hearth.distillation import loss, rows
from hearth.distillation.dropout import drop_by_example, seed_of
from hearth.distillation.examples import IGNORED
from hearth.distillation.micro_batch import MicroBatchSize, is_out_of_memory
from hearth.distillation.packed_attention import PACKED_ATTENTION
from hearth.distillation.rows import Labelled, Rows, Share
from hearth.distillation.shared_prefix import EncodedPrefix
from hearth.models.head import Head

Gradients = list[torch.Tensor]
# Micro-batches by the number of the prefix that is encoded once for their examples.
NO_PREFIX = -1
MicroBatches = Sequence[tuple[int, Sequence[Rows]]]
# Stands for a micro-batch under ZeRO-3 on a rank that has fewer of them than others.
_NOTHING = [Labelled(torch.tensor([0]), torch.tensor([IGNORED]))]


class DistillationTrainer(Trainer):
    """Train on examples with `input_ids` and `labels`, of which `per_device_train_batch_size` are a rank's share.

    If `prefixes` are given, each example begins with that of its number, which is encoded once a step. If `packed`, the
    examples of a micro-batch lie in one row without padding; otherwise each has a padded row of its own. Before the
    first step on a GPU, the examples with the numbers `longest` are tried, so that a lack of memory shows in the first
    minute.
    """

    def __init__(
        self,
        *arguments: Any,
        micro_batch_size: MicroBatchSize,
        prefixes: Sequence[Sequence[int]] = (),
        packed: bool = True,
        longest: Sequence[int] = (),
        **options: Any,
    ):
        super().__init__(*arguments, data_collator=rows.collate, **options)
        if self.args.gradient_accumulation_steps != 1:
            raise ValueError("an optimiser step has one batch: gradient_accumulation_steps must be 1")
        self._base: PreTrainedModel = self.model.get_base_model()  # includes the LoRA layers
        self._packed, self._dropout_layout = packed, drop_by_example(self.model)
        if packed:
            self._base.set_attn_implementation(PACKED_ATTENTION)
        self._prefixes, self._micro_batch_size, self._agreed = prefixes, micro_batch_size, False
        self._longest, self._tried = list(longest), False
        self._parameters = [weights for weights in self.model.parameters() if weights.requires_grad]
        of_head = {id(weights) for weights in self._base.get_output_embeddings().parameters()}
        self._head = Head(self._base)
        self._head_places = [place for place, weights in enumerate(self._parameters) if id(weights) in of_head]
        self._zero3 = is_deepspeed_zero3_enabled()
        if self._zero3 and self._head_places:
            raise UserError("under ZeRO-3 the output embeddings cannot have an adapter; use ZeRO-2")

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of this rank; accelerate would deal the examples to the ranks regardless of length."""
        dataset, ranks = self.train_dataset, self.args.world_size
        sampler = rows.StepSampler(
            dataset,
            self.args.per_device_train_batch_size * ranks,
            self.args.seed,
            lambda: self.state.global_step // len(sampler),
            self.args.process_index,
            ranks,
        )
        return DataLoader(
            dataset, batch_sampler=sampler, collate_fn=self.data_collator, pin_memory=self.args.dataloader_pin_memory
        )

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Share],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Return the weighted mean loss of the step's tokens that count, of all ranks, times the number of ranks.

        Its backward pass gives the gradients of this rank's share; DeepSpeed averages them over the ranks.
        """
        if not self._tried and self.args.device.type == "cuda":
            self.try_longest()
        self._agree_on_micro_batch_size()
        share = inputs["share"]
        # Of one dtype on all ranks: the weight of a rank without examples is an integer.
        weight = torch.tensor(share.weight, dtype=torch.float32, device=self.args.device)
        scale = self.args.world_size / self.accelerator.reduce(weight, "sum")
        if self._zero3:
            return self._loss_under_zero3(model, share, scale)
        return self._run_forward(
            model,
            lambda: _WithGradients.apply(*self._compute_gradients_in_memory(share, scale), *self._parameters),
        )

    def try_longest(self) -> None:
        """Compute the gradients of the longest examples and forget them, with micro-batches that fit the memory."""
        self._tried = True
        if self._longest and not self._zero3:
            random_states = _random_states()
            share = rows.collate([self.train_dataset[number] for number in self._longest])["share"]
            self._compute_gradients_in_memory(share, torch.ones((), device=self.args.device))
            _set_random_states(random_states)

    def _compute_gradients_in_memory(self, share: Share, scale: torch.Tensor) -> tuple[torch.Tensor, Gradients]:
        """Return what `compute_gradients` does for a share, with micro-batches that fit the memory of this rank."""
        random_states = _random_states()
        while True:
            try:
                return self.compute_gradients(self.micro_batches(share), scale)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Outside of the handler, where the error's traceback no longer keeps the tensors of the step.
            gc.collect()
            torch.cuda.empty_cache()
            self._micro_batch_size.halve(share.lengths)
            _set_random_states(random_states)

    def micro_batches(self, share: Share) -> MicroBatches:
        """Return a rank's examples as micro-batches; those that share an encoded prefix lie together."""
        shares = share.by_prefix() if self._prefixes else {NO_PREFIX: share}
        return [
            (number, [self.lay_out(examples, number) for examples in self._split(part)])
            for number, part in shares.items()
        ]

    def _split(self, share: Share, parts: int = 0) -> list[list[Labelled]]:
        return rows.split(share, self._micro_batch_size.value, parts, alike=not self._packed)

    def lay_out(self, examples: Sequence[Labelled], prefix: int = NO_PREFIX) -> Rows:
        """Return examples as rows of tokens, without those of their prefix if it is encoded once a step."""
        if not self._packed:
            return rows.pad_rows(examples)
        return rows.join_rows(examples, skipped=0 if prefix == NO_PREFIX else len(self._prefixes[prefix]))

    def compute_gradients(self, micro_batches: MicroBatches, scale: torch.Tensor) -> tuple[torch.Tensor, Gradients]:
        """Return the loss of the micro-batches, and the gradient of each trainable parameter, at least in float32.

        Both are weighted sums over the tokens that count, times `scale`.
        """
        sums = [torch.zeros_like(weights, dtype=_at_least_float32(weights)) for weights in self._parameters]
        total = torch.zeros((), dtype=_at_least_float32(self._parameters[0]), device=self.args.device)
        for number, laid_out in micro_batches:
            self._add_gradients(number, laid_out, scale, total, sums)
        return total, sums

    def _add_gradients(
        self, number: int, micro_batches: Sequence[Rows], scale: torch.Tensor, total: torch.Tensor, sums: Gradients
    ) -> None:
        """Add loss and gradients of the micro-batches whose examples begin with the prefix `number`, in place."""
        parameters, device = self._parameters, self.args.device
        of_head = [parameters[place] for place in self._head_places]
        prefix = None
        if micro_batches and number != NO_PREFIX:
            layout = [[(len(self._prefixes[number]), number)]]
            self._draw_dropout(layout)
            prefix = EncodedPrefix(self._base, self._prefixes[number], device)
        leaves = prefix.leaves if prefix else []
        sums_of_prefix = [torch.zeros_like(leaf) for leaf in leaves]
        for micro_batch in micro_batches:
            laid_out = micro_batch.to(device)
            hidden = self._encode(laid_out, prefix)
            value, gradient, gradients_of_head = loss.chunked_loss(self._head, hidden, laid_out.targets, scale, of_head)
            if hidden.requires_grad:  # not if only the head has an adapter
                gradients = torch.autograd.grad(hidden, [*parameters, *leaves], gradient, allow_unused=True)
                _add(sums, gradients[: len(parameters)])
                _add(sums_of_prefix, gradients[len(parameters) :])
            _add([sums[place] for place in self._head_places], gradients_of_head)
            total += value
        if prefix:
            self._draw_dropout(layout)
            _add(sums, prefix.pull_back(sums_of_prefix, parameters))

    def _loss_under_zero3(self, model: torch.nn.Module, share: Share, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of this rank's share of the step, whose backward pass is that of the last micro-batch.

        The backward passes of the others have run. Raises UserError if memory runs out: the other ranks wait for this
        one inside of their passes, so the whole training must start again.
        """
        size, total = self._micro_batch_size.value, torch.zeros((), device=self.args.device)
        parts = self._largest(max(1, -(-len(share.examples) // size)))
        *others, last = self._split(share, parts)
        try:
            for examples in others:
                value = self._run_forward(model, functools.partial(self._loss_of_examples, examples, scale))
                model.set_gradient_accumulation_boundary(False)
                model.backward(value, scale_wrt_gas=False)
                total += value.detach()
            return total + self._run_forward(model, functools.partial(self._loss_of_examples, last, scale))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._micro_batch_size.halve(share.lengths)
            raise UserError("out of memory; run again to continue with the smaller micro-batch") from error

    def _loss_of_examples(self, examples: Sequence[Labelled], scale: torch.Tensor) -> torch.Tensor:
        laid_out = self.lay_out(examples or _NOTHING).to(self.args.device)
        hidden = self._encode(laid_out)
        with deepspeed.zero.GatheredParameters(list(self._base.get_output_embeddings().parameters())):
            value, gradient, _ = loss.chunked_loss(self._head, hidden, laid_out.targets, scale)
        return _WithGradients.apply(value, [gradient], hidden)

    def _encode(self, laid_out: Rows, prefix: EncodedPrefix | None = None) -> torch.Tensor:
        """Return the last hidden states at the positions that predict, of shape (tokens that count, hidden size)."""
        self._draw_dropout(laid_out.layout)
        arguments = laid_out.arguments | ({"prefix": prefix.copies} if prefix else {})
        hidden = self._base.get_decoder()(**arguments, use_cache=False).last_hidden_state
        return hidden.flatten(0, 1).index_select(0, laid_out.predicting)

    def _draw_dropout(self, layout: Sequence[Sequence[tuple[int, int]]]) -> None:
        """Let the adapter's dropouts draw the masks of the examples, given as in `Rows`, of the coming passes."""
        seed, step = self.args.seed, self.state.global_step
        self._dropout_layout[:] = [
            [(tokens, seed_of(checksum, seed, step)) for tokens, checksum in row] for row in layout
        ]

    def _run_forward(self, model: torch.nn.Module, function: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Return `function()`, run as the student's forward pass, so that DeepSpeed's hooks around it run too."""
        forward = self.model.forward
        self.model.forward = function
        try:
            output: torch.Tensor = model()
            return output
        finally:
            self.model.forward = forward

    def _agree_on_micro_batch_size(self) -> None:
        """Use the smallest micro-batch size of all ranks, and record it if it is new."""
        size = self._micro_batch_size
        agreed = -self._largest(-size.value)
        first, new = not self._agreed, agreed != size.value
        size.value, self._agreed = agreed, True
        if self.args.process_index == 0 and (first or new):
            size.record()
            print(f"micro-batches of {size.value} examples (micro_batch_size: {size.setting})", flush=True)

    def _largest(self, number: int) -> int:
        """Return the largest of the numbers of all ranks."""
        if self.args.world_size == 1:
            return number
        numbers = torch.tensor(number, device=self.args.device)
        torch.distributed.all_reduce(numbers, op=torch.distributed.ReduceOp.MAX)
        return int(numbers)


class _WithGradients(torch.autograd.Function):
    """Give a value whose gradients have been computed already to autograd."""

    @staticmethod
    def forward(ctx: FunctionCtx, value: torch.Tensor, gradients: Gradients, *tensors: torch.Tensor) -> torch.Tensor:
        ctx.gradients, ctx.dtypes = gradients, [tensor.dtype for tensor in tensors]
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, factor: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scaled = ((gradient * factor).to(dtype) for gradient, dtype in zip(ctx.gradients, ctx.dtypes, strict=True))
        return None, None, *scaled


def _add(sums: Gradients, added: Sequence[torch.Tensor | None]) -> None:
    for total, gradient in zip(sums, added, strict=True):
        if gradient is not None:  # the parameter or state takes no part in this pass
            total += gradient


def _at_least_float32(tensor: torch.Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _random_states() -> list[torch.Tensor]:
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_available() else [])]


def _set_random_states(states: list[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state)
