"""A small HTTP server process in the place of vLLM: `small_server.py PORT FOLDER`.

It answers /health, and /metrics with the number of running requests that FOLDER/running holds. It ends with exit code 3
if FOLDER/broken exists when it starts, and answers no health check while FOLDER/silent exists.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/metrics":
            running = (FOLDER / "running").read_text() if (FOLDER / "running").exists() else "0"
            self.reply(200, f'# HELP x\nvllm:num_requests_running{{engine="0"}} {running}\n')
        else:
            self.reply(503 if (FOLDER / "silent").exists() else 200, "")

    def reply(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    FOLDER = Path(sys.argv[2])
    with open(FOLDER / "started", "a") as log:
        log.write(f"{os.getpid()} {os.environ['VLLM_API_KEY']}\n")
    if (FOLDER / "broken").exists():
        sys.exit(3)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
