"""Measure one GGUF file of an exported student on this machine: size, memory, seconds and tokens of a window."""

import argparse
import itertools
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hearth.common import files
from hearth.common.cli import UserError, run
from hearth.common.deployment_stats import Measurement, Timing, this_machine, usable_cores
from hearth.common.own_process import call_alone
from hearth.data.folds import ALL, read_split, sample_evenly
from hearth.data.windows import Window
from hearth.distillation.documents import DIRECT_PROMPT, Export, read_export
from hearth.prompting.prompts import read_prompt, shows_similar_windows

OWN = "own"
TESTED = "test1"


def main(argv: Sequence[str] | None = None) -> None:
    """Choose windows, time them in processes of their own, and write the measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--export", required=True, type=Path, help="folder of the export")
    parser.add_argument("--form", required=True, help=f"number format of the GGUF file; {OWN}: the merged model's own")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the student's home")
    parser.add_argument("--splits", type=Path, help="splits.json of that home; without it, any window may be timed")
    parser.add_argument("--count", required=True, type=int, help="number of windows to time, at least 2")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="numbers of threads to measure with")
    parser.add_argument("--cores", type=int, default=usable_cores(), help="most threads that are measured with")
    parser.add_argument("--out", required=True, type=Path, help="measurement to write (JSON)")
    arguments = parser.parse_args(argv)
    counts = [count for count in sorted(set(arguments.threads)) if count <= arguments.cores]
    if not counts:
        raise UserError(f"--threads {min(arguments.threads)}: only {arguments.cores} cores may be used")
    split = TESTED if arguments.splits else ALL
    windows = read_split(arguments.windows, arguments.splits, split)
    measured = measure_form(arguments.export, arguments.form, windows, arguments.count, counts)
    files.write_json(arguments.out, measured)


def measure_form(folder: Path, form: str, windows: Sequence[Window], count: int, threads: Sequence[int]) -> Measurement:
    """Measure a form of the export `folder` on `count` of the windows; without its GGUF file there are no timings.

    There are none either for a student that no hub can ask.
    """
    export, dataset = read_export(folder / "export.json"), windows[0]["dataset"]
    gguf = export["gguf"]
    own = next(iter(gguf["files"]), OWN)
    form = own if form == OWN else form
    measured: Measurement = {
        "recogniser": export["student"],
        "dataset": dataset,
        "form": form,
        "is_own": form == own,
        "bytes": 0,
        "why_not": "",
        "machine": this_machine(),
        "versions": {"xllamacpp": version("xllamacpp")},
        "timings": [],
    }
    if form not in gguf["files"]:
        measured["why_not"] = gguf["why_not"] or "it could not be written; see the log of export_student"
        return measured
    if reason := unasked_reason(folder, export):
        measured["why_not"] = reason
        return measured
    measured["bytes"] = (folder / gguf["files"][form]).stat().st_size
    home = dataset if "homes" in export else ""
    asked = [False, True] if (folder / DIRECT_PROMPT).exists() else [False]
    timed = sample_evenly(windows, count)
    for direct, cores in itertools.product(asked, threads):
        measured["timings"].append(call_alone(cores, time_form, folder, form, home, direct, timed, cores))
    return measured


def unasked_reason(folder: Path, export: Export) -> str:
    """Return a phrase that says why the service of a home refuses the student; "" if it does not."""
    if shows_similar_windows(read_prompt(folder / "prompt.json")):
        return "its prompt shows windows that resemble each window, which a hub cannot find"
    if export["decoding"].get("constrained") or export["decoding"].get("reasoning_budget") is not None:
        return "its decoding is constrained or has a reasoning budget, which llama.cpp's engine does not support"
    return ""


def time_form(folder: Path, form: str, dataset: str, direct: bool, windows: Sequence[Window], threads: int) -> Timing:
    """Time the windows in this process, which loads the engine as a home's service does."""
    from hearth.engines.llamacpp import LlamaCppEngine
    from hearth.recognition.timing import OpenedStudent, time_student
    from hearth.service.student import open_student

    def open_engine() -> OpenedStudent:
        student = open_student(folder, form=form, dataset=dataset, direct=direct)
        assert isinstance(student.engine, LlamaCppEngine)
        return OpenedStudent(student.engine, student.prompt, direct, student.decoding.max_new_tokens)

    return time_student(open_engine, windows, threads)


if __name__ == "__main__":
    run(main)
