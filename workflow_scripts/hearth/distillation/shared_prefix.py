"""Encode the static prefix once an optimiser step: all examples of the step attend to the same keys and values.

When a step begins, the prefix is encoded with gradients; the passes of the examples then process only the examples' own
tokens. They attend to detached copies of the prefix's keys and values, whose gradients are summed in float32. At the
end of the step, a single backward pass goes through the prefix. Gradients equal those of training without a shared
prefix up to rounding.

LoRA dropout draws one mask for the prefix in each step; without a shared prefix, every example draws its own.
The mask of each example has the same distribution, but the examples of a step share it on the tokens of the prefix.
"""

from collections.abc import Sequence

import torch
from peft import PeftModel
from transformers import PreTrainedModel
from transformers.integrations import is_deepspeed_zero3_enabled

from hearth.distillation import packed_attention
from hearth.distillation.packed_attention import StateRecorder, States


def unsupported_reason(student: PeftModel, prefix_ids: Sequence[int]) -> str:
    """Return a phrase that says why a student cannot be trained with the prefix encoded once a step; "" if it can."""
    if is_deepspeed_zero3_enabled():
        # ZeRO-3 gathers and releases weights in the order of one forward and one backward pass of the whole model.
        return "ZeRO-3 follows one pass through the whole model; use ZeRO-2"
    if not prefix_ids:
        return "the prompts have no static prefix"
    return packed_attention.unsupported_reason(student)


class EncodedPrefix:
    """The keys and values of the static prefix, encoded for one optimiser step, and their detached copies.

    `copies` are what the examples attend to. `leaves` are those of the copies that depend on the adapter, in float32:
    the gradients of the examples' loss with respect to them are what `pull_back` takes.
    """

    def __init__(self, base: PreTrainedModel, prefix_ids: Sequence[int], device: torch.device):
        recorder = StateRecorder()
        base.get_decoder()(
            input_ids=torch.tensor([prefix_ids], device=device),
            use_cache=False,
            segments=[len(prefix_ids)],
            recorder=recorder,
        )
        encoded = recorder.finish()
        states = [state for pair in encoded.values() for state in pair]
        copies = [state.detach().float().requires_grad_(state.requires_grad) for state in states]
        self.copies: States = dict(zip(encoded, zip(copies[::2], copies[1::2], strict=True), strict=True))
        self.leaves = [copy for copy in copies if copy.requires_grad]
        self._states = [state for state in states if state.requires_grad]

    def pull_back(
        self, gradients: Sequence[torch.Tensor | None], parameters: Sequence[torch.nn.Parameter]
    ) -> Sequence[torch.Tensor | None]:
        """Return the gradients of `parameters` that gradients of `leaves` amount to; frees the encoded prefix."""
        reached = [(state, grad) for state, grad in zip(self._states, gradients, strict=True) if grad is not None]
        self._states, self.leaves, self.copies = [], [], {}
        if not reached:
            return [None] * len(parameters)
        states, gradients_of_states = zip(*((state, grad.to(state.dtype)) for state, grad in reached), strict=True)
        pulled: Sequence[torch.Tensor | None] = torch.autograd.grad(
            states, parameters, gradients_of_states, allow_unused=True
        )
        return pulled
