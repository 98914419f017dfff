"""Label events of a home with a student, as they arrive or from files: one JSON line an event on stdout.

    recognise_stream.py --student results/exports/NAME --input FOLDER_OR_FILE
    tail -f events.csv | recognise_stream.py --student results/exports/NAME --wait 60
A window is labelled when it is full or another one starts, at the end of the input, and, with --wait, after that many
seconds without events.
"""

import argparse
import json
import logging
import queue
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from hearth.common.cli import UserError, json_option, run
from hearth.common.config_schema import setting_default
from hearth.data.events import StreamEvent
from hearth.data.sources import live
from hearth.data.sources.registry import SOURCES
from hearth.distillation.documents import DIRECT_PROMPT, Export, ExportedHome, read_export
from hearth.engines.protocol import Decoding, Engine
from hearth.homes.home import Home, load_home
from hearth.models.load import DEVICES, DTYPES, work_offline
from hearth.prompting.prompts import Prompt
from hearth.recognition.streaming import (
    LabelledEvent,
    NumberedEvent,
    WindowCutter,
    label_events,
    make_window,
    recognise_windows,
)
from hearth.service.student import find_home, open_engine, open_prompt

# A dict from an option to the path, in the folder of an export, of the file or folder that the option names.
EXPORT_PATHS = {"model": "merged", "prompt": "prompt.json", "home": "home.yaml"}
# Settings for which there is neither an option nor an export.
MAX_NEW_TOKENS = 1024
WINDOWS = {"size": setting_default("windows", "size")}
SOURCE = "table"


def parse_arguments(argv: Sequence[str] | None = None) -> tuple[argparse.Namespace, Export | None]:
    """Return a pair: the options, completed from the student's export, and its export.json (None without a student)."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--student", type=Path, help="folder of an export, which sets the options that are not given")
    parser.add_argument("--model", type=Path, help="folder of the model, or of an adapter's base")
    parser.add_argument("--adapter", type=Path, help="folder of a LoRA adapter for that model")
    parser.add_argument("--dataset", help="one of the datasets that a student of several learned from: its home's name")
    parser.add_argument(
        "--form",
        nargs="?",
        const="",
        help="run the export's GGUF file in this number format with llama.cpp; without a value, in that for a home hub",
    )
    parser.add_argument("--prompt", type=Path, help="rendered prompt (JSON)")
    parser.add_argument(
        "--direct", action="store_true", help="ask for no reasoning; only of students that learned to answer both ways"
    )
    parser.add_argument("--home", type=Path, help="yaml of the home: its sensors, and how its data are read")
    parser.add_argument("--source", choices=sorted(SOURCES), help="on-disk format of the input")
    parser.add_argument("--decoding", help="JSON object: temperature, max_new_tokens, ...; otherwise greedy")
    parser.add_argument("--windows", help="JSON object: size, by, seconds")
    parser.add_argument("--input", type=Path, help="folder or file of events; without it, events are read from stdin")
    parser.add_argument("--lines", choices=live.FORMATS, default="csv", help="format of stdin, one event a line")
    parser.add_argument("--wait", type=float, help="seconds without events after which an open window is labelled")
    parser.add_argument("--confidence", action="store_true", help="add the probability of every label's tokens")
    parser.add_argument(
        "--dtype", choices=DTYPES, default=setting_default("engine", "dtype"), help="number format of the weights"
    )
    parser.add_argument(
        "--device", choices=DEVICES, default=setting_default("engine", "device"), help="auto: cuda if there is a GPU"
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=16,
        help="windows of files that are recognised at a time",
    )
    arguments = parser.parse_args(argv)
    if arguments.adapter and not arguments.model:
        parser.error("--adapter needs --model, the base it was trained on")
    export = read_export(arguments.student / "export.json") if arguments.student else None
    learned = find_learned_home(arguments, export)
    for option, path in EXPORT_PATHS.items():
        if getattr(arguments, option) is None:
            if not arguments.student:
                parser.error(f"--{option} is needed, or --student")
            home = f"homes/{learned['dataset']}" if learned and option != "model" else ""
            file = DIRECT_PROMPT if option == "prompt" and arguments.direct else path
            setattr(arguments, option, arguments.student / home / file)
    if arguments.direct and not arguments.prompt.exists():
        parser.error(f"--direct: {arguments.prompt} is missing; only students of recipe joint learn to answer directly")
    greedy = asdict(Decoding.greedy(MAX_NEW_TOKENS))
    if arguments.decoding:
        arguments.decoding = greedy | json_option("--decoding", arguments.decoding, dict)
    else:
        arguments.decoding = export["decoding"] if export else greedy
    if arguments.windows:
        arguments.windows = json_option("--windows", arguments.windows, dict)
    else:
        arguments.windows = (learned or export or {"windows": WINDOWS})["windows"]
    arguments.source = arguments.source or (learned or export or {"source": SOURCE})["source"]
    return arguments, export


def find_learned_home(arguments: argparse.Namespace, export: Export | None) -> ExportedHome | None:
    """Return the home of a student of several that --dataset names; None for a student of one home.

    It is None also for a home that the student did not learn from, whose yaml and prompt are given. Raises UserError if
    there is none of that name, or if no option says whose events they are.
    """
    is_other = arguments.home and arguments.prompt and not arguments.dataset
    return None if export is None or is_other else find_home(export, arguments.dataset or "")


def main(argv: Sequence[str] | None = None) -> None:
    """Label all events; report unreadable lines and unlabelled events on stderr."""
    arguments, export = parse_arguments(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    settings = arguments.decoding | ({"confidence": "tokens"} if arguments.confidence else {})
    decoding = Decoding.from_settings(settings)
    home, prompt = load_home(arguments.home), open_prompt(arguments.prompt)
    cutter = WindowCutter(**arguments.windows)
    problems: list[str] = []
    events: Iterable[StreamEvent | None]
    if arguments.input:
        events, batch_size = recorded_events(arguments, home, problems), arguments.batch_size
    else:
        events, batch_size = arriving_events(live.LineReader(home, arguments.lines), arguments.wait, problems), 1
    engine = make_engine(arguments, export)
    statuses: Counter[str] = Counter()
    for windows in make_batches(cut_windows(events, cutter), batch_size):
        for row in label_windows(windows, prompt, engine, decoding):
            statuses[row["status"]] += 1
            print(json.dumps(row, ensure_ascii=False), flush=True)
    unlabelled = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()) if status != "ok")
    summary = f"{statuses.total()} events, {statuses['ok']} labelled"
    if unlabelled:
        summary += f", without a label: {unlabelled}"
    print(f"{summary}; {len(problems)} lines not read", file=sys.stderr)


def make_engine(arguments: argparse.Namespace, export: Export | None) -> Engine:
    """Return the engine that runs the student."""
    work_offline()
    if arguments.form is not None:
        if export is None:
            raise UserError("--form needs --student")
        return open_engine(arguments.student, export, arguments.form)
    from hearth.engines.transformers import TransformersEngine

    return TransformersEngine(
        arguments.model, arguments.adapter, arguments.dtype, arguments.device, arguments.batch_size
    )


def recorded_events(arguments: argparse.Namespace, home: Home, problems: list[str]) -> Iterator[StreamEvent]:
    """Yield the events of the input files. Before that, report lines that cannot be read and events left out."""
    if not arguments.input.exists():
        raise UserError(f"{arguments.input}: no such file or folder of events")
    events, report = live.read_recording(arguments.source, arguments.input, home)
    report_problems(map(str, report.broken), problems)
    for reason, count in sorted(report.skipped.items()):
        print(f"left out: {count} {reason}", file=sys.stderr)
    yield from events


def arriving_events(lines: live.LineReader, wait: float | None, problems: list[str]) -> Iterator[StreamEvent | None]:
    """Yield the events of stdin as they arrive, and None after `wait` seconds without any."""
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
        except KeyboardInterrupt:  # ends the input
            return
        if line is None:
            return
        events, faults = lines.read(line)
        report_problems(faults, problems)
        yield from events


def report_problems(faults: Iterable[str], problems: list[str]) -> None:
    """Print messages about lines that could not be read on stderr, and add them to `problems`."""
    for fault in faults:
        print(fault, file=sys.stderr, flush=True)
        problems.append(fault)


def cut_windows(events: Iterable[StreamEvent | None], cutter: WindowCutter) -> Iterator[list[NumberedEvent]]:
    """Number the events and yield windows as their events arrive; None among `events` closes the open window."""
    number = 0
    for event in events:
        if event is None:
            yield from cutter.flush()
            continue
        number += 1
        yield from cutter.add({**event, "event": number})
    yield from cutter.flush()


def make_batches(windows: Iterable[list[NumberedEvent]], size: int) -> Iterator[list[list[NumberedEvent]]]:
    """Yield the windows in batches of `size`; the last batch may be smaller."""
    batch: list[list[NumberedEvent]] = []
    for window in windows:
        batch.append(window)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def label_windows(
    windows: Sequence[list[NumberedEvent]], prompt: Prompt, engine: Engine, decoding: Decoding
) -> Iterator[LabelledEvent]:
    """Recognise a batch of windows and yield their events in order, with labels."""
    predictions = recognise_windows([make_window(events) for events in windows], prompt, engine, decoding)
    for events, prediction in zip(windows, predictions, strict=True):
        yield from label_events(events, prediction, prompt["labels"])


if __name__ == "__main__":
    run(main)
