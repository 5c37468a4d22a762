"""The child process that makes the .tflite files, while the parent works on the ONNX side.

In one process the two would wait for each other's turn at Python's lock.
"""

from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path

from export import writers
from export.worker_process import SPAWN, worker_process
from export.writers import TfliteRequest
from models.command_line.progress import Report
from quantize.graph.graph import Graph
from quantize.schemes.registry import Made
from quantize.schemes.scheme import Scheme

POLL_S = 0.05


class TfliteProcess:
    """Started at once, so that it imports its libraries while the parent imports TensorFlow."""

    def __init__(self) -> None:
        self._pool = worker_process()
        self._pool.submit(_warm_up)
        self._work: Future | None = None
        self._reports: Connection | None = None

    def __enter__(self) -> "TfliteProcess":
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown()

    def start(self, graph: Graph, request: TfliteRequest, folder: Path) -> None:
        """Begin to write the files that ``request`` names into ``folder``."""
        self._reports, sender = SPAWN.Pipe(duplex=False)
        self._work = self._pool.submit(_write, graph, request, folder, sender)

    def result(self, report: Report) -> dict[Scheme, Made]:
        """The graphs made, by scheme; ``report`` is told meanwhile what the child is doing."""
        while not self._work.done():
            if self._reports.poll(POLL_S):
                report(*self._reports.recv())
        return self._work.result()


def _warm_up() -> None:
    import litert_quantizer  # noqa: F401


def _write(
    graph: Graph, request: TfliteRequest, folder: Path, sender: Connection
) -> dict[Scheme, Made]:
    return writers.tflite_files(graph, request, folder, lambda *report: sender.send(report))
