"""Chat templates in the form of those of model families, written for the tests, and tiny models that have them."""

import re
from pathlib import Path

from random_model import make_model

_FOLDER = Path(__file__).parent / "chat_templates"
TEMPLATES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.iterdir())}
_ENDS = {  # eos and bos of the tokenizer; Qwen's for a family that is not listed
    "r1-distil": ("<|end_of_sentence|>", "<|begin_of_sentence|>"),
    "r1-distil-early": ("<|end_of_sentence|>", "<|begin_of_sentence|>"),
    "deepseek-v3.1": ("<|end_of_sentence|>", "<|begin_of_sentence|>"),
    "llama3": ("<|eot_id|>", "<|begin_of_text|>"),
    "gemma2": ("<eos>", "<bos>"),
    "gemma3": ("<eos>", "<bos>"),
    "mistral-7b": ("</s>", "<s>"),
    "mistral-first": ("</s>", "<s>"),
    "magistral": ("</s>", "<s>"),
    "gpt-oss": ("<|return|>", "<|startoftext|>"),
}
_TOKEN = re.compile(r"<\|[a-zA-Z_]+\|>|<[a-z_]+>|\[/?[A-Z_]+\]")


def ends(family: str) -> tuple[str, str | None]:
    """Return the tokens (eos, bos) of a family's tokenizer."""
    return _ENDS.get(family, ("<|im_end|>", None))


def make_family(folder: Path, family: str) -> Path:
    """Write a tiny model with random weights and the chat template of a family; return its folder."""
    template, (eos, bos) = TEMPLATES[family], ends(family)
    tags = {"<think>", "<muse>"}  # no special tokens in real models
    tokens = sorted({*_TOKEN.findall(template), eos, *([bos] if bos else [])} - tags)
    return make_model(folder, family, template=template, tokens=tokens, eos=eos, bos=bos, context=4096)
