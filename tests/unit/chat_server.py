"""A server with OpenAI's chat API for tests: it answers, fails, hangs or sends invalid answers, as it is told."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "example/little"
RESET = b'{"id": "1", "choices": [{"mess'


def answer(content="[]", finish_reason="stop", **message):
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": content, **message},
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


class Server:
    """A server that sends `replies` in turn, then repeats the last one, and records the `requests` that it gets.

    A reply is a body, (status, body), (status, body, headers), a function from the request to one of these, or RESET,
    after which the connection ends in the middle of an answer.
    """

    def __init__(self, port=0):
        self.replies, self.requests, self.headers = [answer()], [], []
        self.models = {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "me"}]}
        self.busy = self.busiest = 0
        self.pause = 0.0
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(server.models(None) if callable(server.models) else server.models)

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with server.lock:
                    server.requests.append(request)
                    server.headers.append(dict(self.headers))
                    server.busy += 1
                    server.busiest = max(server.busy, server.busiest)
                    reply = server.replies[0] if len(server.replies) == 1 else server.replies.pop(0)
                time.sleep(server.pause)
                with server.lock:
                    server.busy -= 1
                self.reply(reply(request) if callable(reply) else reply)

            def reply(self, answer):
                status, body, *headers = answer if isinstance(answer, tuple) else (200, answer)
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content) + (99 if body is RESET else 0)))
                for name, value in headers[0].items() if headers else ():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def lowered(headers):
    return {name.lower(): value for name, value in headers.items()}
