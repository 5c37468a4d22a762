"""Files take turns in groups that the memory of a device holds."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from bench_runs import USUAL
from tiny_models import write_export

from bench.devices.host import Host
from bench.engine.turn_groups import MIB, SHARE, footprint_bytes, turn_groups


@pytest.fixture
def files(job, tmp_path):
    """Jobs of files of so many bytes, by name, that take no room on the disk."""

    def made(**sizes):
        found = {}
        for name, size in sizes.items():
            with open(tmp_path / name, "wb") as file:
                file.truncate(size)
            found[name] = replace(job, artifact=tmp_path / name)
        return found

    return made


def alone(key):
    return key


def test_all_take_turns_at_once_where_memory_is_enough_or_not_known(files):
    jobs = files(a=MIB, b=50 * MIB, c=MIB)
    assert turn_groups(jobs, None, alone) == [["a", "b", "c"]]
    assert turn_groups(jobs, 2**40, alone) == [["a", "b", "c"]]


def test_no_group_needs_more_than_its_share_of_what_is_free(files):
    sizes = {f"file{n}": size * MIB for n, size in enumerate((1, 2, 16, 4, 16, 1, 1, 8))}
    jobs, free_bytes = files(**sizes), 300 * MIB
    groups = turn_groups(jobs, free_bytes, alone)
    assert len(groups) > 1 and [key for keys in groups for key in keys] == list(jobs)
    for keys in groups:
        assert sum(footprint_bytes(jobs[key]) for key in keys) <= SHARE * free_bytes
    # Nor are there more groups than that takes: the next file would have been too much.
    for keys, following in pairwise(groups):
        more = sum(footprint_bytes(jobs[key]) for key in (*keys, following[0]))
        assert more > SHARE * free_bytes


def test_what_no_group_could_hold_is_a_group_of_its_own(files):
    jobs = files(a=MIB, b=500 * MIB, c=MIB)
    assert turn_groups(jobs, 100 * MIB, alone) == [["a"], ["b"], ["c"]]


def test_what_belongs_together_is_never_parted(files):
    jobs, pairs = files(a=MIB, b=MIB, c=MIB, d=MIB), {"a": 1, "b": 2, "c": 1, "d": 2}
    assert turn_groups(jobs, 80 * MIB, pairs.get) == [["a", "c"], ["b", "d"]]


def test_a_file_that_is_not_there_is_for_its_runner_to_tell(job, tmp_path):
    gone = replace(job, artifact=tmp_path / "gone.tflite")
    assert turn_groups({"gone": gone}, 2**40, alone) == [["gone"]]


@pytest.mark.parametrize(
    ("form", "runtime"), [(form, name) for form, names in USUAL.items() for name in names]
)
def test_a_runner_has_no_more_to_itself_than_is_estimated(job, tmp_path, form, runtime):
    if runtime == "tflite-runtime":
        pytest.importorskip("tflite_runtime", reason="needs Python 3.11 or older")
    (artifact, *_) = write_export(tmp_path / "out", formats=(form,)).artifacts
    path = tmp_path / "out" / "tiny" / artifact.name
    asked = replace(job, artifact=path, format=form, runtime=runtime, threads=2, in_turns=True)
    with Host().start(asked) as child:
        assert child.is_ready()
        rollup = Path(f"/proc/{child.pid}/smaps_rollup").read_text()
    own_kib = int(re.search(r"^Private_Dirty: +(\d+)", rollup, re.M)[1])  # clean: its code
    estimated = footprint_bytes(asked)
    assert 0.3 * estimated < own_kib * 1024 < estimated
