"""All that a bench starts on this machine besides runners ends with it, however it ends."""

import subprocess
import sys

import pytest
from commands import ROOT, environment
from processes import is_alive, wait_until

from bench.devices.free_memory import children
from models.command_line.parent_process import end_with

pytestmark = pytest.mark.waits

KERAS = """
import os
from pathlib import Path
from models import reference
from models.command_line import child_python
from models.command_line.options import Options
from models.data.dataset import open_dataset
from models.data.image_source import ImageSize
dataset = open_dataset("demo", "DATA", ImageSize(96, 96, 3), None)
child_python.ROOT = Path(os.environ["TMPDIR"])
reference._predict_in_child(Options(arch="v2"), dataset, range(3))
"""
LAYERS = """
import os
from pathlib import Path
import numpy as np
from bench.explain.layer_outputs import of_keras
from models.command_line import child_python
from models.command_line.options import Options
child_python.ROOT = Path(os.environ["TMPDIR"])
of_keras(Options(arch="v2"), np.zeros((1, 96, 96, 3)), Path(os.environ["TMPDIR"]) / "layers")
"""


@pytest.mark.parametrize("code", [KERAS, LAYERS], ids=["Keras", "layers"])
def test_a_child_that_computes_for_minutes_ends_with_the_bench_that_is_killed(tmp_path, code):
    begun = tmp_path / "begun"
    (tmp_path / "keras.py").write_text(
        f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)\n"
    )
    for package in ("models", "quantize", "bench"):  # children find this keras.py beside them
        (tmp_path / package).symlink_to(ROOT / package)
    variables = environment() | {"TMPDIR": str(tmp_path)}
    bench = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, stderr=subprocess.PIPE
    )
    wait_until(begun.exists, 120)
    (child,) = children(bench.pid)
    bench.kill()
    bench.communicate()
    wait_until(lambda: not is_alive(child))


def test_a_child_of_nobody_does_not_begin():
    with pytest.raises(SystemExit) as ending:
        end_with(-1)
    assert ending.value.code == 3
