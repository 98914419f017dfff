"""Check the names of the layers that get an adapter. Light enough for `snakemake plan`: torch is not imported."""

import difflib
from collections.abc import Sequence

from hearth.common.cli import UserError

_SETTING = "students.training.lora.target_modules"


def check_target_modules(target_modules: Sequence[str], model: str, layers: Sequence[str], tied: bool) -> None:
    """Raise UserError unless each of `target_modules` names a linear layer of `model` that can get an adapter.

    `layers` are the full names of its linear layers, such as "model.layers.0.self_attn.q_proj". As in PEFT, the last
    part of a name, or several, names a layer; PEFT itself says nothing of a name without a layer if another one has
    some. `tied` says whether the output head has the weights of the embeddings: an adapter on it would change both when
    it is merged.
    """
    named = {target: {layer for layer in layers if f".{layer}".endswith(f".{target}")} for target in target_modules}
    for target in (target for target, found in named.items() if not found):
        parts = sorted({layer.rpartition(".")[2] for layer in layers if not (tied and _is_head(layer))})
        near = difflib.get_close_matches(target.rpartition(".")[2].lower(), parts, n=1)
        if target == "all-linear":
            hint = f"write the names one by one: {', '.join(part for part in parts if part != 'lm_head')}"
        elif any(character in target for character in "*|\\^$()[]"):
            hint = f"it is read as a name, not as a pattern; its linear layers are {', '.join(parts)}"
        else:
            hint = "".join(f"did you mean {name}? " for name in near) + f"its linear layers are {', '.join(parts)}"
        raise UserError(f"{_SETTING}: {target} is no linear layer of {model}; {hint}")
    heads = [target for target, found in named.items() if tied and any(map(_is_head, found))]
    if heads:
        raise UserError(
            f"{_SETTING}: {heads[0]} of {model} has the weights of the embeddings (tie_word_embeddings), so merging an "
            "adapter into it would change the embeddings as well, and the exported student would give other answers "
            "than the trained one; leave it out, or take a base with an output head of its own"
        )


def _is_head(layer: str) -> bool:
    return layer.rpartition(".")[2] == "lm_head"
