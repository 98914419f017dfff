"""Run a vLLM server for one set of weights, until the run no longer needs it."""

import argparse
import logging
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import json_option, run
from hearth.common.config_schema import setting_default
from hearth.common.energy import Meters
from hearth.engines.vllm_server import ServerSettings, Supervisor, library_versions, on_cpu, server_command
from hearth.models.load import DTYPES, load_tokenizer, resolve_dtype, work_offline
from hearth.models.staging import staged
from hearth.prompting.chat_templates import fit_template


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the program's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a language model, with snapshot.json")
    parser.add_argument("--adapter", type=Path, help="folder of a student's adapter")
    parser.add_argument("--folder", type=Path, required=True, help="folder of the server, named like its weights")
    parser.add_argument(
        "--dtype", choices=DTYPES, default=setting_default("engine", "dtype"), help="number format of the weights"
    )
    parser.add_argument("--tensor-parallel", type=int, default=1, help="GPUs that share every layer")
    parser.add_argument("--pipeline-parallel", type=int, default=1, help="groups of GPUs that share the layers")
    parser.add_argument("--options", default="{}", help="options of vLLM as JSON, by their Python names")
    parser.add_argument(
        "--date", default=setting_default("prompt", "date"), help="day that the chat template takes for today"
    )
    parser.add_argument(
        "--stage-weights",
        default=setting_default("engine", "stage_weights"),
        help="folder on a disk of this machine, into which weights are copied first",
    )
    parser.add_argument("--out", type=Path, required=True, help="seconds, energy and starts (JSON), written at the end")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until the run's heartbeat says that it is enough, or until SIGTERM."""
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    began, meters = time.monotonic(), Meters()
    dtype = resolve_dtype(arguments.dtype, "cpu" if on_cpu() else "cuda")
    with staged(arguments.model, arguments.stage_weights) as model:
        settings = ServerSettings(
            arguments.folder.name,
            model,
            arguments.adapter,
            dtype,
            arguments.tensor_parallel,
            arguments.pipeline_parallel,
            json_option("--options", arguments.options, dict),
            write_chat_template(model, arguments.folder, arguments.date),
        )
        supervisor = Supervisor(arguments.folder, dtype, lambda port: server_command(settings, port))
        # The wall time ends, or the job is cancelled. What remains is done by the next server, so this is no failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stop("signal to end"))
        reason = supervisor.run()
    stats = {
        "seconds": round(time.monotonic() - began, 3),
        "energy_joules": meters.joules(),
        "starts": supervisor.starts,
        "ended_because": reason,
        "versions": library_versions(),
    }
    files.write_json(arguments.out, stats)


def write_chat_template(model: Path, folder: Path, date: str) -> Path | None:
    """Write the model's chat template as recognition and training use it; return None if it is the model's own."""
    work_offline()
    template = fit_template(load_tokenizer(model), date)
    for change in template.changes:
        logging.info("chat template: %s", change)
    if not template.changes:
        return None
    path = folder / "chat_template.jinja"
    files.write_text(path, template.text)
    return path.resolve()


if __name__ == "__main__":
    run(main)
