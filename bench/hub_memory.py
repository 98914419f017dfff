"""Memory of llama.cpp on a home hub, by form, context and cache (`make bench-hub-memory`).

A model of the shape of Qwen3-0.6B with random weights is written, quantised and asked about two windows that share a
prefix, each variant in a process of its own. The context is long enough for a home's prompt, or the model's own.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import PROJECT, benchmark_parser, run_measurement, write_report
from hearth.common.memory import peak_memory_bytes
from hearth.engines.protocol import Decoding, Request

PREFIX, OWN, ANSWER = "kitchen door opened " * 40, "bathroom light ON " * 5, 4
LONG, SHORT = 40960, 4096
# (form, context, number format of keys and values); an engine without settings asks for the first.
VARIANTS = [
    ("q8_0", SHORT, "q8_0"),
    ("q8_0", SHORT, "f16"),
    ("q8_0", LONG, "f16"),
    ("q4_k_m", SHORT, "q8_0"),
    ("q4_0", SHORT, "q8_0"),
    ("bf16", SHORT, "q8_0"),
]


def write_model(folder: Path) -> None:
    """Write a model with random weights in bfloat16, and the tokenizer of the demo's models, into `folder`."""
    import torch
    from training_memory import qwen3
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    Qwen3ForCausalLM(Qwen3Config(**qwen3(1024, 3072, 28, 16), max_position_embeddings=LONG)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(PROJECT / "demo" / "models" / "tiny-s" / name, folder)


def write_form(folder: Path, form: str) -> dict[str, float]:
    """Write one form of the model; return the seconds, the size of the file and the memory that this takes."""
    from hearth.distillation import gguf_file

    path, started = folder / f"{form}.gguf", time.perf_counter()
    gguf_file.write_gguf(folder, path, "random", "" if form == "bf16" else form)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "peak_gb": round(peak_memory_bytes() / 1e9, 2),
    }


def ask(folder: Path, form: str, context: int, cache: Any) -> dict[str, float]:
    """Answer two windows; return peak memory, seconds of loading, and the prompt tokens of either window."""
    from hearth.engines.llamacpp import LlamaCppEngine

    engine = LlamaCppEngine(folder / f"{form}.gguf", folder, True, context=context, cache_type=cache)
    started = time.perf_counter()
    engine.load()
    loaded = time.perf_counter() - started
    computed = []
    for number in range(2):
        for _ in engine.complete(PREFIX, [Request(str(number), f"{number} {OWN}")], Decoding.greedy(ANSWER)):
            assert engine.timings is not None
            computed.append(engine.timings.prompt_tokens)
    return {
        "peak_gb": round(peak_memory_bytes() / 1e9, 2),
        "load_s": round(loaded, 2),
        "first_window_tokens": computed[0],
        "second_window_tokens": computed[1],
        "context": engine.context,
    }


def main() -> None:
    """Write all forms, ask every variant, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        kind, folder, *rest = arguments.measure
        if kind == "model":
            write_model(Path(folder))
            measured: dict[str, float] = {}
        elif kind == "form":
            measured = write_form(Path(folder), *rest)
        else:
            measured = ask(Path(folder), rest[0], int(rest[1]), rest[2])
        print(json.dumps(measured))
        return
    with tempfile.TemporaryDirectory() as folder:
        run_measurement(sys.executable, __file__, "model", folder)
        forms = dict.fromkeys(form for form, _, _ in VARIANTS)
        report: dict[str, Any] = {
            "forms": {form: run_measurement(sys.executable, __file__, "form", folder, form) for form in forms}
        }
        for form, context, cache in VARIANTS:
            name = f"{form}, context {context}, cache {cache}"
            report[name] = run_measurement(sys.executable, __file__, "ask", folder, form, context, cache)
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
