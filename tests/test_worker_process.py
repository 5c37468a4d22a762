"""The process beside an export: it works, and nothing of it is left when the export is killed."""

import os
import signal
import subprocess
import sys

import pytest
from bench_runs import is_running
from commands import environment

from export.worker_process import ProcessEnded, WorkerProcess

WORKS_AND_WAITS = """
import os, time
from export.worker_process import WorkerProcess

def serve(connection):
    connection.send(os.getpid())
    time.sleep(600)

if __name__ == "__main__":
    print(WorkerProcess(serve).receive(), flush=True)
    time.sleep(600)
"""


def squares(connection):
    connection.send(os.getpid())
    while True:
        connection.send(connection.recv() ** 2)


def dies(connection):
    os.kill(os.getpid(), connection.recv())


def test_work_is_done_in_a_process_of_its_own_until_it_is_stopped():
    process = WorkerProcess(squares)
    pid = process.receive()
    assert pid != os.getpid()
    process.send(7)
    assert process.receive() == 49
    process.stop()
    assert not is_running(pid)


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGKILL, "SIGKILL, as where memory runs out"), (15, "SIGTERM")]
)
def test_how_it_ended_is_told(number, told):
    process = WorkerProcess(dies)
    process.send(int(number))
    with pytest.raises(ProcessEnded, match=told):
        process.receive()
    process.stop()


def test_it_ends_with_an_export_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(WORKS_AND_WAITS)
    with subprocess.Popen(
        [sys.executable, script], env=environment(), stdout=subprocess.PIPE, text=True
    ) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    assert not is_running(worker)
