"""The child process that makes the files: one that cannot be made, or that takes the process with
it, costs only itself.

TensorFlow, which the parent holds, is in it only where a method needs gradients.
"""

import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection

from export.artifact import Failure, Unmade
from export.export_file import ExportFile
from export.file_maker import FileMaker, MakeRequest, Written
from export.worker_process import ProcessEnded, WorkerProcess
from models.command_line import unforeseen
from models.command_line.progress import Report


class MakerProcess:
    """Started at once, so that it imports its libraries while the parent imports TensorFlow."""

    def __init__(self) -> None:
        self._process = WorkerProcess(_serve)

    def __enter__(self) -> "MakerProcess":
        return self

    def __exit__(self, *_) -> None:
        self._process.stop()

    def start(self, request: MakeRequest, files: Sequence[ExportFile]) -> None:
        """Begin to make ``files``."""
        self._request, self._files = request, list(files)
        self._process.send((request, self._files))

    def result(self, report: Report) -> dict[ExportFile, Written | Failure]:
        """Wait for all files; ``report`` is told meanwhile what the child is doing."""
        found: dict[ExportFile, Written | Failure] = {}
        while left := [file for file in self._files if file not in found]:
            try:
                while left:
                    value = self._process.receive()
                    if isinstance(value, (Written, Failure)):
                        found[left.pop(0)] = value
                    else:
                        report(*value)
            except ProcessEnded as ended:
                # The other format of the scheme begins with the same work.
                dead = [file for file in left if file.scheme == left[0].scheme]
                found |= {file: Unmade(file.name, str(ended)) for file in dead}
                self._again([file for file in left if file not in found])
        self._process.stop()  # it holds memory that the runtimes need next
        return {file: found[file] for file in self._files}

    def _again(self, files: list[ExportFile]) -> None:
        self._process.stop()
        if files:
            self._process = WorkerProcess(_serve)
            self._process.send((self._request, files))


def _serve(connection: Connection) -> None:
    import litert_quantizer  # noqa: F401

    request, files = connection.recv()
    maker = FileMaker(request, lambda *report: connection.send(report))
    for file in files:
        connection.send(_made(maker, file))


def _made(maker: FileMaker, file: ExportFile) -> Written | Failure:
    try:
        return maker.write(file)
    except Exception as error:
        # A part of it would take the room that the others need, and be published with them.
        (maker.request.folder / file.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            places = f"OUT={maker.request.folder.parent}, TMPDIR={tempfile.gettempdir()}"
            return Unmade(file.name, f"{error.strerror or error}; it needs room in {places}")
        kind = Unmade if isinstance(error, MemoryError) else Failure
        return kind(file.name, unforeseen.in_one_line(error))
