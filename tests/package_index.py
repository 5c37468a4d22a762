"""A package index on a loopback port (PEP 503): a folder of wheels, one folder a package."""

import http.server
import threading
from contextlib import contextmanager
from functools import partial


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Nobody reads it."""


@contextmanager
def served(wheels, folder):
    """The address of an index of ``wheels``, which lie in ``folder`` while it is there."""
    for wheel in wheels.glob("*.whl"):
        name = wheel.name.split("-")[0].replace("_", "-")
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / wheel.name).write_bytes(wheel.read_bytes())
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
