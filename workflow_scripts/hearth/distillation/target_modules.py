"""Check the names of the layers that get an adapter. Light enough for `snakemake plan`: torch is not imported."""

from collections.abc import Iterable, Sequence

from hearth.common.cli import UserError


def check_target_modules(target_modules: Sequence[str], model: str, layers: Iterable[str]) -> None:
    """Raise UserError unless each of `target_modules` names a linear layer of `model`.

    `layers` are the full names of its linear layers, such as "model.layers.0.self_attn.q_proj". As in PEFT, the last
    part of a name, or several, names a layer.
    """
    layers = [f".{layer}" for layer in layers]
    unknown = [target for target in target_modules if not any(layer.endswith(f".{target}") for layer in layers)]
    if unknown:
        known = sorted({layer.rpartition(".")[2] for layer in layers})
        raise UserError(
            f"students.training.lora.target_modules: {', '.join(unknown)} is no linear layer of {model}; its linear "
            f"layers are {', '.join(known)}"
        )
