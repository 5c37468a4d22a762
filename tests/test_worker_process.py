"""The process beside an export: it works, and nothing of it is left when the export is killed."""

import os
import subprocess
import sys

from bench_runs import is_running
from commands import environment

from export.worker_process import worker_process

WORKS_AND_WAITS = """
import os, time
from export.worker_process import worker_process
if __name__ == "__main__":
    with worker_process() as beside:
        print(beside.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


def test_work_is_done_in_a_process_of_its_own():
    with worker_process() as beside:
        assert beside.submit(os.getpid).result() != os.getpid()


def test_it_ends_with_an_export_that_is_killed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(WORKS_AND_WAITS)
    with subprocess.Popen(
        [sys.executable, script], env=environment(), stdout=subprocess.PIPE, text=True
    ) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    assert not is_running(worker)
