"""Measure every GGUF file of an exported student on this machine (`make bench-hub`), as the rule `measure_export` does.

It runs wherever the service of a home runs (hub/requirements.txt): on the hub itself, which needs the folder of the
export and windows of its home. Without --splits, any window of the file may be timed.
"""

from pathlib import Path
from typing import Any

import measure_export
from common import benchmark_parser, write_report
from hearth.common.cli import UserError, run
from hearth.common.deployment_stats import read_measurement
from hearth.distillation.documents import read_export


def main() -> None:
    """Measure all forms, one after the other, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--export", required=True, type=Path, help="folder of the export")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the student's home")
    parser.add_argument("--splits", type=Path, help="splits.json of that home")
    parser.add_argument("--count", type=int, default=8, help="number of windows to time")
    parser.add_argument("--threads", nargs="+", default=["1", "2"], help="numbers of threads")
    arguments = parser.parse_args()
    needed = [(arguments.export / "export.json", "EXPORT"), (arguments.windows, "WINDOWS")]
    for path, option in [*needed, *([(arguments.splits, "SPLITS")] if arguments.splits else [])]:
        if not path.is_file():
            raise UserError(f"{path} is missing: set {option}, or make the demo's with `make demo-hub`")
    forms: dict[str, Any] = {}
    gguf = read_export(arguments.export / "export.json")["gguf"]
    if not gguf["files"]:
        raise UserError(f"{arguments.export}: the export has no GGUF file: {gguf['why_not']}")
    for form in gguf["files"]:
        out = arguments.out.with_suffix(f".{form}.json")
        options = ["--export", arguments.export, "--form", form, "--windows", arguments.windows, "--out", out]
        options += ["--splits", arguments.splits] if arguments.splits else []
        options += ["--count", arguments.count, "--threads", *arguments.threads]
        measure_export.main([str(option) for option in options])
        forms[form] = dict(read_measurement(out))
        out.unlink()
        for timing in forms[form]["timings"]:
            print(
                f"{form}, {timing['threads']} threads, reasoning {timing['reasoning']}: {timing['seconds']:.3g} s"
                f" a window ({timing['uncached_seconds']:.3g} s if the prefix is not cached),"
                f" {timing['answer_tokens']:.0f} answer tokens, {timing['peak_memory_bytes'] / 1e6:.0f} MB",
                flush=True,
            )
    write_report(arguments.out, {"forms": forms})


if __name__ == "__main__":
    run(main)
