"""Check the engine for the run's own server: it finds the server by its file, follows it, and says what it runs."""

import threading

import pytest
from chat_server import Server, lowered
from hearth.common import files
from hearth.common.cli import UserError
from hearth.engines.protocol import Decoding, Request
from hearth.engines.server import ServerEngine
from hearth.engines.server_record import HEARTBEAT, RECORD, write_server

NAME = "little"
VERSIONS = {"vllm": "0.32.0"}


@pytest.fixture
def make_server():
    started = []

    def make() -> Server:
        server = Server()
        server.models["data"][0]["id"] = NAME
        started.append(server)
        return server

    yield make
    for server in started:
        stop(server)


def stop(server):
    server.http.shutdown()
    server.http.server_close()


def publish(folder, server, key="key"):
    write_server(folder / NAME, {"url": server.url, "key": key, "dtype": "float32", "versions": VERSIONS})


def engine(folder, wait=30.0):
    return ServerEngine(folder / NAME, batch_size=1, timeout=20, wait=wait, context=100, retries=0)


def complete(asked):
    requests = [Request(f"home/s{n}/{n}", f"window {n}") for n in range(3)]
    return [one.key for batch in asked.complete("S.", requests, Decoding.greedy(8)) for one in batch]


def test_requests_carry_the_name_of_the_weights_and_the_servers_own_key(make_server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("NO_PROXY", raising=False)
    server = make_server()
    publish(tmp_path, server, key="own-key")
    assert len(complete(engine(tmp_path))) == 3
    assert server.requests[0]["model"] == NAME
    assert lowered(server.headers[0])["authorization"] == "Bearer own-key"


def test_the_file_with_the_key_is_readable_by_its_owner_only(make_server, tmp_path):
    publish(tmp_path, make_server())
    assert (tmp_path / NAME / RECORD).stat().st_mode & 0o777 == 0o600


def test_identity_is_that_of_the_run_and_not_of_the_machine(make_server, tmp_path):
    publish(tmp_path, make_server())
    assert engine(tmp_path).identity() == {"engine": "server", "dtype": "float32", "versions": VERSIONS}


def test_a_server_that_moves_is_followed(make_server, tmp_path):
    first, second = make_server(), make_server()
    publish(tmp_path, first)
    asked = engine(tmp_path)
    assert len(complete(asked)) == 3
    stop(first)
    publish(tmp_path, second)
    assert len(complete(asked)) == 3
    assert (len(first.requests), len(second.requests)) == (3, 3)


def test_a_server_that_is_not_there_yet_is_waited_for(make_server, tmp_path):
    server = make_server()
    timer = threading.Timer(1.0, lambda: publish(tmp_path, server))
    timer.start()
    assert len(complete(engine(tmp_path))) == 3
    timer.join()


def test_a_server_that_never_comes_is_an_error_that_names_its_log(tmp_path):
    with pytest.raises(UserError, match=r"cannot be reached .*logs/serve/little\.log"):
        complete(engine(tmp_path, wait=0.2))


def test_a_server_that_the_run_has_given_up_is_not_waited_for(tmp_path):
    heartbeat = {"run": "a", "beat": 1, "needed": [], "failed": [NAME]}
    files.write_json(tmp_path / HEARTBEAT, heartbeat)
    with pytest.raises(UserError, match=r"the server of little has failed; see logs/serve/little\.log"):
        complete(engine(tmp_path, wait=60))


REFUSAL = 400, {"error": {"message": "This model's maximum context length is 100 tokens"}}


def test_a_prompt_that_exceeds_the_models_context_is_unanswered(make_server, tmp_path):
    server = make_server()
    server.models["data"][0]["max_model_len"] = 100
    server.replies = [REFUSAL]
    publish(tmp_path, server)
    (completion,) = [
        one for batch in engine(tmp_path).complete("S.", [Request("h/s/0", "x")], Decoding.greedy(8)) for one in batch
    ]
    assert completion.finish_reason == "unanswered"


def test_a_prompt_for_which_the_server_has_no_memory_is_an_error(make_server, tmp_path):
    server = make_server()
    server.models["data"][0]["max_model_len"] = 60
    server.replies = [REFUSAL]
    publish(tmp_path, server)
    with pytest.raises(UserError, match="room for 60 of the model's 100 tokens"):
        complete(engine(tmp_path))
