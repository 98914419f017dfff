"""Programs of test_servers.py: `served_workflow.py serve FOLDER OUTPUT` and `served_workflow.py ask RUN OUTPUT`.

`serve` supervises a small HTTP server in the place of vLLM. `ask` stands for a shard: it waits until RUN/go exists, and
then for a server to answer.
"""

import sys
import time
import urllib.request
from pathlib import Path


def serve(folder: Path, output: Path) -> None:
    """Serve until the run no longer needs it; write why it ended."""
    import small_server
    from hearth.engines import vllm_server

    vllm_server.library_versions = lambda: {}  # there is no vLLM here
    folder.mkdir(parents=True, exist_ok=True)
    patience = vllm_server.Patience(orphan=3.0, hang=5.0, stop=5.0, steady=60.0, settle=1.0, poll=0.1)
    command = [sys.executable, small_server.__file__]
    supervisor = vllm_server.Supervisor(folder, "float32", lambda port: [*command, str(port), str(folder)], patience)
    output.write_text(supervisor.run())


def ask(run: Path, output: Path) -> None:
    """Write the address of a server that has answered. Fails unless there is one when this program starts."""
    from hearth.engines.server_record import SERVERS, read_server

    folder = run / SERVERS / "little"
    assert read_server(folder), "started before the server answered"
    (run / f"asking-{output.name}").touch()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (run / "go").exists() and (record := read_server(folder)):
            url = record["url"].removesuffix("/v1")
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/health", timeout=5)
            except OSError:
                continue
            output.write_text(url)
            return
        time.sleep(0.1)
    sys.exit("no server answers")


if __name__ == "__main__":
    {"serve": serve, "ask": ask}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
