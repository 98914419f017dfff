"""Make a tiny Qwen3 with random weights and some 300 tokens."""

import json
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false -%}
<think>

</think>

{% endif -%}
{%- endif -%}
"""


def make_model(
    folder: Path,
    name: str = "tiny",
    seed: int = 0,
    context: int = 2048,
    template: str = TEMPLATE,
    tokens: Sequence[str] = (),
    eos: str = "<|im_end|>",
    bos: str | None = None,
) -> Path:
    """Write a model with random weights below `folder` as a fetched snapshot, and return the snapshot's folder.

    `tokens` are special tokens beside those of Qwen; `eos` and `bos` are among them or Qwen's.
    """
    import torch
    from hearth.models.fetch import fetch_model
    from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
    from tokenizers import models as tokenizer_models
    from transformers import Qwen3Config, Qwen3ForCausalLM

    source = folder / "source"
    source.mkdir(parents=True)
    tokenizer = Tokenizer(tokenizer_models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320 + len(tokens),
        special_tokens=list(dict.fromkeys(["<|endoftext|>", "<|im_start|>", "<|im_end|>", *tokens])),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["kitchen induction stove turned OFF", "living room door opened"] * 9, trainer)
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.save(str(source / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": eos,
        "bos_token": bos,
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
    }
    (source / "tokenizer_config.json").write_text(json.dumps(settings))
    (source / "chat_template.jinja").write_text(template)
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.3,
        eos_token_id=tokenizer.token_to_id(eos),
        pad_token_id=tokenizer.token_to_id("<|endoftext|>"),
    )
    model = Qwen3ForCausalLM(config)
    # generate() reads such settings from the model's folder; tests check by it that the engines ignore them.
    model.generation_config.repetition_penalty = 1.7
    model.save_pretrained(source)
    fetch_model(
        name, {"source": "folder", "path": "source", "stand_in": "random weights"}, folder, folder / "m", folder
    )
    return folder / "m"
