"""Check the supervisor of servers with a real, small server process; tests/vllm runs it with vLLM."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
import small_server
from hearth.common import files
from hearth.common.cli import UserError
from hearth.engines import vllm_server
from hearth.engines.server_record import HEARTBEAT, RECORD, Watch, read_server
from hearth.engines.vllm_server import Patience, ServerSettings, Supervisor, as_flags, server_command
from repository import SCRIPTS

QUICK = Patience(orphan=3.0, hang=1.0, stop=5.0, steady=60.0, settle=1.0, poll=0.05)


@pytest.fixture(autouse=True)
def versions(monkeypatch):
    """The environment of these tests has no vLLM."""
    monkeypatch.setattr(vllm_server, "library_versions", lambda: {"vllm": "0"})


def beat(folder, number=0, run="a", needed=("little",)):
    files.write_json(folder.parent / HEARTBEAT, {"run": run, "beat": number, "needed": list(needed), "failed": []})


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


class Running:
    """A supervisor in a thread, with a server in `folder`."""

    def __init__(self, folder, patience=QUICK):
        self.folder, self.result = folder, None
        self.supervisor = Supervisor(folder, "float32", self.command, patience)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def command(self, port):
        return [sys.executable, small_server.__file__, str(port), str(self.folder)]

    def run(self):
        try:
            self.result = self.supervisor.run()
        except UserError as error:
            self.result = error

    def wait_for_record(self):
        return wait_until(lambda: read_server(self.folder))

    def processes(self):
        return [int(line.split()[0]) for line in (self.folder / "started").read_text().splitlines()]

    def end(self):
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert read_server(self.folder) is None
        assert not [pid for pid in self.processes() if psutil.pid_exists(pid)]
        return self.result


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "servers" / "little"
    folder.mkdir(parents=True)
    beat(folder)
    return folder


def test_a_server_is_published_when_it_answers_and_ends_when_the_run_no_longer_needs_it(folder):
    running = Running(folder)
    record = running.wait_for_record()
    assert record["dtype"] == "float32"
    assert (folder / RECORD).stat().st_mode & 0o777 == 0o600
    assert (folder / "started").read_text().split()[1] == record["key"]
    beat(folder, 1, needed=["other"])
    assert running.end() == "the run no longer needs it"


def test_a_server_that_dies_is_started_again(folder):
    running = Running(folder)
    first = running.wait_for_record()
    os.kill(running.processes()[0], signal.SIGKILL)
    wait_until(lambda: (read_server(folder) or first)["url"] != first["url"])
    running.supervisor.stop("enough")
    assert running.end() == "enough"
    assert running.supervisor.starts == 2


def test_a_server_that_hangs_is_started_again(folder):
    running = Running(folder)
    running.wait_for_record()
    (folder / "silent").touch()
    wait_until(lambda: running.supervisor.starts == 2)
    (folder / "silent").unlink()
    running.wait_for_record()
    running.supervisor.stop("enough")
    assert running.end() == "enough"


def test_a_server_that_never_starts_is_given_up(folder):
    (folder / "broken").touch()
    running = Running(folder)
    running.thread.join(30)
    assert "ended with exit code 3, 3 times in a row" in str(running.end())


def test_a_server_outlives_its_run_until_no_request_runs(folder):
    (folder / "running").write_text("2")
    running = Running(folder)
    running.wait_for_record()
    silent = Watch(folder.parent / HEARTBEAT)
    wait_until(lambda: silent.age() > 2 * QUICK.orphan)
    assert read_server(folder)
    (folder / "running").write_text("0")
    assert "no sign of life" in running.end()


def test_a_heartbeat_keeps_an_idle_server(folder):
    running = Running(folder)
    running.wait_for_record()
    for number in range(12):
        beat(folder, number)
        time.sleep(QUICK.orphan / 6)
    assert read_server(folder)
    running.supervisor.stop("enough")
    running.end()


def test_a_server_of_another_run_is_ended_and_its_successor_keeps_its_record(folder):
    old = Running(folder)
    first = old.wait_for_record()
    beat(folder, run="b")
    new = Running(folder)
    assert wait_until(lambda: not old.thread.is_alive() and read_server(folder))["key"] != first["key"]
    assert old.result == "the run that needed it has ended"
    new.supervisor.stop("enough")
    assert new.end() == "enough"


def test_without_a_run_no_server_is_started(tmp_path):
    (tmp_path / "little").mkdir()
    running = Running(tmp_path / "little")
    running.thread.join(30)
    assert running.result == "the run that needed it has ended"
    assert running.supervisor.starts == 0


def test_a_server_ends_with_a_supervisor_that_is_killed(folder):
    program = (
        "import sys; from pathlib import Path; from hearth.engines import vllm_server as v;"
        "v.library_versions = lambda: {};"
        "v.Supervisor(Path(sys.argv[1]), 'float32',"
        " lambda port: [sys.executable, sys.argv[2], str(port), sys.argv[1]]).run()"
    )
    command = [sys.executable, "-c", program, str(folder), small_server.__file__]
    supervisor = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SCRIPTS)})
    wait_until(lambda: read_server(folder))
    (process,) = [int(line.split()[0]) for line in (folder / "started").read_text().splitlines()]
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE)


def test_options_become_flags():
    options = {"max_model_len": -1, "enforce_eager": True, "enable_x": False, "rope": {"factor": 2.0}, "quant": "fp8"}
    assert as_flags(options) == [
        "--max-model-len=-1", "--enforce-eager", "--no-enable-x", '--rope={"factor": 2.0}', "--quant=fp8",
    ]  # fmt: skip


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model").mkdir()
    tokens = [{"content": "<think>"}, {"content": "</think>"}]
    (tmp_path / "model" / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    return tmp_path / "model"


def test_an_adapter_is_served_under_its_own_name(model, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    command = server_command(ServerSettings("pupil", model, tmp_path, "float32"), 1234)
    assert {f"--lora-modules=pupil={tmp_path}", "--enable-lora", "--max-lora-rank=16"} <= set(command)
    assert not [word for word in command if word.startswith("--served-model-name")]


def test_a_command_has_the_ranks_the_options_and_no_key(model):
    settings = ServerSettings("base", model, None, "bfloat16", 4, 2, {"gpu_memory_utilization": 0.8})
    command = server_command(settings, 1234)
    expected = {
        "--served-model-name=base", "--tensor-parallel-size=4", "--pipeline-parallel-size=2",
        "--gpu-memory-utilization=0.8", "--reasoning-parser=qwen3", "--enable-prefix-caching",
    }  # fmt: skip
    assert expected <= set(command)
    assert not [word for word in command if "key" in word or "chat-template" in word]


def test_a_server_gets_the_fitted_chat_template(model, tmp_path):
    settings = ServerSettings("base", model, None, "bfloat16", chat_template=tmp_path / "chat_template.jinja")
    assert f"--chat-template={tmp_path / 'chat_template.jinja'}" in server_command(settings, 1234)


def test_a_model_without_reasoning_tags_gets_no_reasoning_parser(model):
    (model / "tokenizer.json").write_text(json.dumps({"added_tokens": []}))
    command = server_command(ServerSettings("base", model, None, "bfloat16"), 1234)
    assert not [word for word in command if word.startswith("--reasoning-parser")]
