"""Kill a home's service and its broker at random moments, and measure its latency, memory and start.

A simulated home's events go through a real mosquitto to the service, which labels them with an exported student.
"""

import argparse
import json
import os
import random
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
from common import benchmark_parser, write_report
from hearth.common.files import read_json, write_json
from hearth.homes.home import Home, load_home
from hearth.simulation.formats import FORMATS
from service_runs import Change, Client, HomeService, Mosquitto, wait_until
from simulated_homes import marble_instances

SESSIONS = 40  # simulated days
PACE = 0.1  # seconds between two messages while there are kills, and while latency is measured
LATENCY_WINDOWS = 60
STARTS = 5
WAIT = 20.0  # seconds without events after which the last window is answered
SHORT_ANSWER = 8  # tokens of an answer while memory is measured
PATIENCE = 7200.0  # seconds


class Stream:
    """Endless changes of a simulated home's sensors; `sent` has those that were taken from it, with their times."""

    def __init__(self, folder: Path, home: Home):
        FORMATS["marble"](folder, 0, SESSIONS, home, 0)
        self._changes = cycle(
            Change(sensor, state) for each in marble_instances(folder) for _, sensor, state, _ in each["events"]
        )
        self._states: dict[str, str] = {}
        self.sent: list[tuple[Change, float]] = []

    def payloads(self, pace: float, limit: float = float("inf")) -> Iterator[str]:
        """Yield at most `limit` messages, one each `pace` seconds."""
        number = 0
        for change in self._changes:
            if number >= limit:
                return
            if self._states.get(change.sensor) == change.state:
                continue
            self._states[change.sensor] = change.state
            time.sleep(pace)
            number += 1
            self.sent.append((change, time.time()))
            yield change.payload()


def count_kills(directory: Path, student: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill service and broker `kills` times in a stream of events; return what became of the events."""
    home, rng = load_home(student / "home.yaml"), random.Random(seed)  # noqa: S311 - moments, not secrets
    broker = Mosquitto(directory / "mosquitto")
    broker.start()
    service = HomeService(directory / "service", student, broker.port, wait=WAIT)
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    stream, sensors = Stream(directory / "home", home), Client(broker.port, "sensors")
    watcher = Client(broker.port, "watcher", "hearth/#")
    ended = threading.Event()

    def until_ended() -> Iterator[str]:
        for payload in stream.payloads(PACE):
            yield payload
            if ended.is_set():
                return

    publishing = sensors.start_publishing(until_ended())
    report = {"kills": 0, "kills_of_the_service": 0, "kills_of_the_broker": 0, "kills_amid_an_answer": 0}
    for _ in range(kills):
        time.sleep(rng.uniform(0.2, 6))
        report["kills"] += 1
        if rng.random() < 0.5:
            report["kills_of_the_service"] += 1
            service.end(signal.SIGKILL)
            report["kills_amid_an_answer"] += service.taken_in() - service.answered() >= 10
            time.sleep(rng.uniform(0, 3))
            service.start()
        else:
            report["kills_of_the_broker"] += 1
            broker.end(rng.choice((signal.SIGKILL, signal.SIGTERM)))
            time.sleep(rng.uniform(0, 3))
            broker.start()
        print(f"kill {report['kills']}: {len(stream.sent)} sent, {service.answered()} answered", flush=True)
    ended.set()
    publishing.join()
    wait_until(lambda: service.taken_in() >= len(stream.sent), "all are in the journal", PATIENCE)
    wait_until(lambda: service.answered() == service.taken_in(), "all are answered", PATIENCE)
    wait_until(lambda: not service.rows("SELECT 1 FROM outbox"), "all are published", PATIENCE)
    service.end()
    time.sleep(1)
    answered = [(event["sensor"], event["description"]) for event in service.events()]
    sent = [(one.sensor, home.describe(one.sensor, one.state).description) for one, _ in stream.sent]
    published = [json.loads(payload)["window"] for payload in watcher.payloads("hearth/marble/windows")]
    for client in (sensors, watcher):
        client.close()
    broker.end()
    return report | {
        "events": len(sent),
        "events_answered": len(answered),
        "events_as_sent": sum(one == other for one, other in zip(sent, answered, strict=False)),
        "in_order_without_loss_or_double": answered == sent,
        "redelivered_messages": service.counts().get("redelivered messages", 0),
        "windows": len(service.windows()),
        "windows_published": len(set(published)),
        "windows_published_again": len(published) - len(set(published)),
        "windows_published_in_order": list(dict.fromkeys(published)) == sorted(set(published)),
    }


def measure_latency(directory: Path, student: Path) -> dict[str, float]:
    """Return the seconds from the last event of a window to its answer on the bus, and those of start and answer."""
    home = load_home(student / "home.yaml")
    broker = Mosquitto(directory / "mosquitto")
    broker.start()
    service = HomeService(directory / "service", student, broker.port, wait=None)
    starts, cpu = [], []
    for number in range(STARTS):
        started = time.monotonic()
        service.start()
        wait_until(lambda number=number: service.log.count("connected to") > number, "the service is there")
        starts.append(time.monotonic() - started)
        cpu.append(sum(psutil.Process(service.process.pid).cpu_times()[:2]))
        if number < STARTS - 1:
            service.end()
    arrived: dict[int, float] = {}
    watcher = Client(broker.port, "watcher", "hearth/marble/windows")
    watcher.client.on_message = lambda client, data, message: arrived.setdefault(
        json.loads(message.payload)["events"][-1]["event"], time.time()
    )
    stream, sensors = Stream(directory / "home", home), Client(broker.port, "sensors")
    size = read_json(student / "export.json")["windows"]["size"]
    for _ in range(LATENCY_WINDOWS):
        sensors.start_publishing(stream.payloads(PACE, size)).join()
        wait_until(lambda: len(stream.sent) in arrived, "an answer", PATIENCE)
    service.end()
    seconds = [window["seconds"] for window in service.windows()]
    latencies = [arrived[number] - stream.sent[number - 1][1] for number in sorted(arrived)]
    for client in (sensors, watcher):
        client.close()
    broker.end()
    return {
        "start_median_seconds": round(statistics.median(starts), 2),
        "start_most_seconds": round(max(starts), 2),
        "start_cpu_seconds": round(statistics.median(cpu), 2),
        "latency_windows": len(latencies),
        "latency_median_seconds": round(statistics.median(latencies), 3),
        "latency_95th_percentile_seconds": round(statistics.quantiles(latencies, n=20)[-1], 3),
        "answer_median_seconds": round(statistics.median(seconds), 3),
        "latency_beyond_answer_median_seconds": round(
            statistics.median(latency - answer for latency, answer in zip(latencies, seconds, strict=True)), 3
        ),
    }


def measure_memory(directory: Path, student: Path, events: int) -> dict[str, Any]:
    """Return the resident memory of the service after a tenth of the events, and after all; answers are short."""
    short = directory / "student"
    short.mkdir(parents=True)
    for path in student.iterdir():
        (short / path.name).symlink_to(path.resolve())
    export = read_json(student / "export.json")
    (short / "export.json").unlink()
    write_json(short / "export.json", export | {"decoding": export["decoding"] | {"max_new_tokens": SHORT_ANSWER}})
    broker = Mosquitto(directory / "mosquitto")
    broker.start()
    service = HomeService(directory / "service", short, broker.port, wait=None, keep_windows=1000)
    service.start()
    wait_until(lambda: "connected" in service.log, "the service is there")
    process = psutil.Process(service.process.pid)
    stream, sensors = Stream(directory / "home", load_home(student / "home.yaml")), Client(broker.port, "sensors")
    started, step = time.monotonic(), events // 100
    sizes: dict[int, int] = {}
    while len(stream.sent) < events:
        sensors.publish(list(stream.payloads(0, step)))
        wait_until(lambda: service.answered() >= len(stream.sent) - step, "answers", PATIENCE, 0.1)
        sizes[len(stream.sent)] = process.memory_info().rss
        if len(stream.sent) % (events // 10) == 0:
            print(f"{len(stream.sent)} events: {sizes[len(stream.sent)] / 2**20:.1f} MiB", flush=True)
    wait_until(lambda: service.answered() >= len(stream.sent) // 10 * 10, "answers", PATIENCE, 0.1)
    seconds = time.monotonic() - started
    waiting = service.rows("SELECT COUNT(*) FROM outbox")[0][0]
    journal = sum(path.stat().st_size for path in service.state.glob("journal.sqlite*"))
    service.end()
    answered = service.answered()
    sensors.close()
    broker.end()
    return {
        "memory_events": answered,
        "memory_bytes_after_a_tenth": sizes[events // 10],
        "memory_bytes_after_all": sizes[events],
        "memory_bytes_peak": max(sizes.values()),
        "journal_bytes": journal,
        "messages_to_publish_at_the_end": waiting,
        "memory_events_per_second": round(answered / seconds, 1),
    }


def main() -> None:
    """Run all measurements and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--student", type=Path, required=True, help="folder of a student of the simulated MARBLE home")
    parser.add_argument("--kills", type=int, default=20, help="number of kills")
    parser.add_argument("--events", type=int, default=100_000, help="events over which memory is measured")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments of the kills")
    arguments: argparse.Namespace = parser.parse_args()
    student = arguments.student.resolve()
    with tempfile.TemporaryDirectory() as folder:
        report = {
            "student": read_json(student / "export.json")["student"],
            "form": read_json(student / "export.json")["gguf"]["default"],
            "cores": os.cpu_count(),
            **measure_latency(Path(folder) / "latency", student),
            **count_kills(Path(folder) / "kills", student, arguments.kills, arguments.seed),
            **measure_memory(Path(folder) / "memory", student, arguments.events),
        }
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
