"""Linear layers with weights laid out once for oneDNN: for a few rows at a time a CPU is twice as fast with them.

`torch.nn.functional.linear` takes weights as they lie, and lays them out anew in every product.
"""

import torch

# Rows of an input that the layout is made for. Any number may come; made for 256 it is the fastest for 8 and for 2,000.
_ROWS = 256


class PackedLinear(torch.nn.Module):
    """A `torch.nn.Linear` for inference in float32 on a CPU."""

    def __init__(self, linear: torch.nn.Linear):
        super().__init__()
        # Neither parameter nor buffer: modules would do with it what a tensor of such a layout cannot.
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs (..., in_features) to outputs (..., out_features)."""
        return torch.ops.mkldnn._linear_pointwise(inputs, self._weight, self._bias, "none", [], "")


def pack(model: torch.nn.Module) -> None:
    """Put a `PackedLinear` in the place of every linear layer of a model on a CPU; it can be trained no more."""
    for parent in list(model.modules()):
        if isinstance(parent, torch.nn.ModuleDict):  # an adapter's own: too small to gain, and PEFT reads their weights
            continue
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(parent, name, PackedLinear(child))
