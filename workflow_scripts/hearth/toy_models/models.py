"""Make the tiny family's tokeniser and networks: Qwen3's architecture and chat turns, a ten-thousandth of its size."""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen3Config, Qwen3ForCausalLM

from hearth.common.files import write_json, write_text

PAD, TURN, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SIZES = {
    "tiny-s": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 1},
    "tiny-m": {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2},
    "tiny-l": {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4},
}
CONTEXT = 2048


def train_tokenizer(texts: Iterable[str], vocabulary: int, folder: Path) -> None:
    """Train a byte-level BPE of at most `vocabulary` tokens and write it in Qwen3's file layout.

    Merges may span words, which shortens repetitive text. Numbers, JSON values, fields between bars and the labels of
    a list are never merged with what surrounds them, so a description or label has the same token everywhere.
    """
    tokenizer = Tokenizer(models.BPE())
    pieces = [r"\n", r" \| ", r"Activities: ", r"; ", r"\.$", r'(?<=": ")[^"]+', r"(?<![a-z] )(?<!_)\d+"]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(piece), "isolated") for piece in pieces),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, TURN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(["<think>", "</think>"])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(
        folder / "tokenizer_config.json",
        {
            # With any other class, transformers replaces the pre-tokeniser by Qwen's.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": END,
            "pad_token": PAD,
            "model_max_length": CONTEXT,
            "clean_up_tokenization_spaces": False,
        },
    )
    write_text(folder / "chat_template.jinja", (Path(__file__).parent / "chat_template.jinja").read_text())


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the family's tokeniser from its files."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def build_model(size: str, tokenizer: PreTrainedTokenizerBase) -> Qwen3ForCausalLM:
    """Return a network of one of `SIZES` with random weights and tied embeddings."""
    shape = SIZES[size]
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        head_dim=32,
        intermediate_size=3 * shape["hidden_size"],
        num_key_value_heads=shape["num_attention_heads"],
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=shape["hidden_size"] ** -0.5,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
        bos_token_id=None,
        use_cache=True,
        **shape,
    )
    return Qwen3ForCausalLM(config)


def save_model(model: Qwen3ForCausalLM, tokenizer_folder: Path, folder: Path) -> None:
    """Write a model's weights in bf16 safetensors, with its settings and the family's tokeniser."""
    folder.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    ids = _added_tokens(tokenizer_folder)
    write_json(
        folder / "generation_config.json",
        {"bos_token_id": None, "eos_token_id": [ids[END], ids[PAD]], "pad_token_id": ids[PAD], "do_sample": False},
    )
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        write_text(folder / name, (tokenizer_folder / name).read_text(encoding="utf-8"))


def _added_tokens(folder: Path) -> dict[str, int]:
    """Return a dict from the text of each special token to its id."""
    added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    return {token["content"]: token["id"] for token in added}
