"""Label events of a home with a student, as they come or from files: one JSON line an event on stdout.

    recognise_stream.py --student results/exports/NAME --input FOLDER_OR_FILE
    tail -f events.csv | recognise_stream.py --student results/exports/NAME --wait 60
A window is labelled when it is full, at the end of the input, and, with --wait, when nothing has come for so long.
"""

import argparse
import json
import logging
import os
import queue
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from hearth.common import files
from hearth.common.cli import UserError, json_option, run
from hearth.data.sources import live
from hearth.data.sources.registry import SOURCES
from hearth.engines import Decoding, Engine
from hearth.homes.home import Home, load_home
from hearth.recognition.shards import recognise_now
from hearth.recognition.streaming import Cutter, labelled, window_of

# Where an export has what an option names, and what holds where neither says.
OF_STUDENT = {"model": "merged", "prompt": "prompt.json", "home": "home.yaml"}
USUAL = {"decoding": {"temperature": 0, "max_new_tokens": 1024}, "windows": {"size": 10}}


def parse(argv=None) -> tuple[argparse.Namespace, dict]:
    """(options, export.json): what the options do not say, the export of the student does; {} without one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--student", type=Path, help="folder of an export, which has all that follows up to --windows")
    parser.add_argument("--model", type=Path, help="folder of the model, or of an adapter's base")
    parser.add_argument("--adapter", type=Path, help="folder of a LoRA adapter for that model")
    parser.add_argument("--gguf", action="store_true", help="run the export's GGUF file with llama.cpp")
    parser.add_argument("--prompt", type=Path, help="the rendered prompt (json)")
    parser.add_argument("--home", type=Path, help="yaml of the home: its sensors, and how its data are read")
    parser.add_argument("--source", choices=sorted(SOURCES), help="on-disk format of the input")
    parser.add_argument("--decoding", help="JSON object: temperature, max_new_tokens, ...")
    parser.add_argument("--windows", help="JSON object: size, by, seconds")
    parser.add_argument("--input", type=Path, help="folder or file of events; without it they are read from stdin")
    parser.add_argument("--lines", choices=live.FORMATS, default="csv", help="what stdin has, one event a line")
    parser.add_argument("--wait", type=float, help="label a window that is not full after so many seconds of silence")
    parser.add_argument("--confidence", action="store_true", help="give the probability of every label's tokens")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), default="auto", help="of the weights")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: cuda if there is one")
    parser.add_argument("--batch-size", type=int, default=16, help="windows of files that are recognised at a time")
    arguments = parser.parse_args(argv)
    if arguments.adapter and not arguments.model:
        parser.error("--adapter needs --model, the base it was trained on")
    about = files.read_json(arguments.student / "export.json") if arguments.student else {}
    for name, place in OF_STUDENT.items():
        if getattr(arguments, name) is None:
            if not arguments.student:
                parser.error(f"--{name} is needed, or --student")
            setattr(arguments, name, arguments.student / place)
    for name, usual in USUAL.items():
        given = getattr(arguments, name)
        setattr(arguments, name, json_option(f"--{name}", given, dict) if given else about.get(name, usual))
    arguments.source = arguments.source or about.get("source", "table")
    return arguments, about


def main(argv=None):
    """Label everything, and say on stderr what could not be read and how many events got no label."""
    arguments, about = parse(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    decoding = Decoding.of(arguments.decoding | ({"confidence": "tokens"} if arguments.confidence else {}))
    home, prompt = load_home(arguments.home), files.read_json(arguments.prompt)
    if prompt.get("shots_by") == "similarity":
        raise UserError(f"{arguments.prompt}: it shows windows like the one asked about, which only a run has at hand")
    cutter = Cutter(**arguments.windows)
    problems: list[str] = []
    if arguments.input:
        events, together = recorded(arguments, home, problems), arguments.batch_size
    else:
        events, together = arriving(live.LineReader(home, arguments.lines), arguments.wait, problems), 1
    engine = engine_of(arguments, about)
    statuses: Counter[str] = Counter()
    for windows in batches(windows_of(events, cutter), together):
        for row in rows(windows, prompt, engine, decoding):
            statuses[row["status"]] += 1
            print(json.dumps(row, ensure_ascii=False), flush=True)
    without = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()) if status != "ok")
    print(
        f"{statuses.total()} events, {statuses['ok']} labelled{f', without a label: {without}' if without else ''}; "
        f"{len(problems)} lines not read",
        file=sys.stderr,
    )


def engine_of(arguments: argparse.Namespace, about: dict) -> Engine:
    """What runs the student of the arguments."""
    # transformers reads these when it is imported.
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    if arguments.gguf:
        gguf = about.get("gguf", {"file": "", "why_not": "--gguf goes with --student"})
        if not gguf["file"]:
            raise UserError(f"no GGUF file to run: {gguf['why_not']}")
        from hearth.engines.llamacpp import LlamaCppEngine

        return LlamaCppEngine(arguments.student / gguf["file"], arguments.model, by_ids=not gguf["pre_tokenizer"])
    from hearth.engines.transformers import TransformersEngine

    return TransformersEngine(
        arguments.model, arguments.adapter, arguments.dtype, arguments.device, arguments.batch_size
    )


def recorded(arguments: argparse.Namespace, home: Home, problems: list[str]) -> Iterator[dict]:
    """The events of files, all that is wrong with them told before the first."""
    if not arguments.input.exists():
        raise UserError(f"{arguments.input}: no such file or folder of events")
    events, report = live.read_recording(arguments.source, arguments.input, home)
    tell(map(str, report.broken), problems)
    for reason, count in sorted(report.skipped.items()):
        print(f"left out: {count} {reason}", file=sys.stderr)
    yield from events


def arriving(lines: live.LineReader, wait: float | None, problems: list[str]) -> Iterator[dict | None]:
    """The events of stdin as they come, and None when nothing has come for `wait` seconds."""
    arrived: queue.Queue[bytes | None] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin.buffer:
            arrived.put(line)
        arrived.put(None)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        try:
            line = arrived.get(timeout=wait)
        except queue.Empty:
            yield None
            continue
        except KeyboardInterrupt:  # the end of the input, for whoever sits before it
            return
        if line is None:
            return
        events, faults = lines.read(line)
        tell(faults, problems)
        yield from events


def tell(faults: Iterable[str], problems: list[str]) -> None:
    """Name what could not be read, and remember it."""
    for fault in faults:
        print(fault, file=sys.stderr, flush=True)
        problems.append(fault)


def windows_of(events: Iterable[dict | None], cutter: Cutter) -> Iterator[list[dict]]:
    """Windows as their events come; an event gets its number in the stream."""
    number = 0
    for event in events:
        if event is None:
            yield from cutter.rest()
            continue
        number += 1
        yield from cutter.add({**event, "event": number})
    yield from cutter.rest()


def batches(windows: Iterable[list[dict]], size: int) -> Iterator[list[list[dict]]]:
    """The windows, so many at a time."""
    batch: list[list[dict]] = []
    for window in windows:
        batch.append(window)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def rows(windows: list[list[dict]], prompt: dict, engine: Engine, decoding: Decoding) -> Iterator[dict]:
    """A row for every event of the windows, in order."""
    predictions = recognise_now([window_of(events) for events in windows], prompt, engine, decoding)
    for events, prediction in zip(windows, predictions, strict=True):
        yield from labelled(events, prediction, prompt["labels"])


if __name__ == "__main__":
    run(main)
