"""CPU quotas of control groups, of both versions, as containers and services have them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import HOST
from processes import wait_until

from bench.devices.host import RUNNER
from bench.measurement.cpu_quota import held_back
from bench.measurement.find_warnings import find_warnings
from bench.measurement.plan import Plan
from bench.measurement.result import Result
from bench.on_device.cpu_quota import QuotaWatch, cpu_quota
from bench.on_device.machine_facts import read_environment


def tree(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def stat(periods, usec):
    return f"usage_usec 5\nnr_periods 90\nnr_throttled {periods}\nthrottled_usec {usec}\n"


UNLIMITED = {"cpu.max": "max 100000\n"}
V1 = "4:memory:/x\n3:cpu,cpuacct:/docker/abc\n0::/docker/abc\n"
GROUPS = "sys/fs/cgroup"
# What is limited, by the files of the system, and where the limit is.
LIMITED = {
    "a container sees its own group at the top": (
        "0::/\n", {"cpu.max": "150000 100000\n"}, "cpu.max"
    ),
    "a service": (
        "0::/system.slice/b.service\n",
        {"system.slice/b.service/cpu.max": "150000 100000\n", "system.slice/cpu.max": "max 100000"},
        "system.slice/b.service/cpu.max",
    ),
    "a group above": (
        "0::/user.slice/user-1.slice/session\n",
        {"user.slice/user-1.slice/session/cpu.max": "max 100000\n",
         "user.slice/user-1.slice/cpu.max": "400000 100000\n",
         "user.slice/cpu.max": "75000 50000\n"},
        "user.slice/cpu.max",
    ),
    "a path that is not mounted": (
        "0::/../../kubepods/pod/1\n", {"cpu.max": "150000 100000\n"}, "cpu.max"
    ),
    "version 1": (
        V1,
        {"cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "150000\n",
         "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
         "cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
        "cpu,cpuacct/docker/abc/cpu.cfs_quota_us",
    ),
    "version 1 in a container": (
        V1, {"cpu/cpu.cfs_quota_us": "75000\n", "cpu/cpu.cfs_period_us": "50000\n"},
        "cpu/cpu.cfs_quota_us",
    ),
    "version 2 beside version 1": (
        "1:cpu:/\n0::/a\n",
        {"unified/a/cpu.max": "150000 100000\n", "cpu/cpu.cfs_quota_us": "-1\n",
         "cpu/cpu.cfs_period_us": "100000\n"},
        "unified/a/cpu.max",
    ),
}  # fmt: skip


@pytest.fixture(params=LIMITED)
def limited(request, tmp_path):
    """A system whose processes have 1.5 cores, and the file that says so."""
    groups, files, where = LIMITED[request.param]
    tree(tmp_path, {"proc/self/cgroup": groups})
    tree(tmp_path / GROUPS, files)
    return tmp_path, tmp_path / GROUPS / where


def test_the_quota_that_holds_is_found_with_its_file(limited):
    root, file = limited
    assert cpu_quota(str(root)) == {"cores": 1.5, "file": str(file)}
    assert read_environment(str(root))["cpu_quota_cores"] == 1.5


@pytest.mark.parametrize("file", ["cpu.max", "cpu.stat", "a"])
@pytest.mark.parametrize("text", ["max 100000\n", "", "0 0\n", "150000", "x y z\n", "-1 5\n"])
def test_no_quota_is_none(tmp_path, file, text):
    tree(tmp_path, {"proc/self/cgroup": "0::/\n\nodd\n1:\n", f"{GROUPS}/{file}": text})
    assert cpu_quota(str(tmp_path)) is None
    assert read_environment(str(tmp_path))["cpu_quota_cores"] is None
    watch = QuotaWatch(str(tmp_path))
    watch.begin()
    watch.end()
    assert watch.found() is None


def test_the_time_that_it_was_stopped_in_turns_is_added_up(tmp_path):
    tree(tmp_path, {"proc/self/cgroup": "0::/a\n"})
    groups = tmp_path / GROUPS
    tree(groups, {"cpu.max": "150000 100000\n", "cpu.stat": stat(7, 900)})
    watch = QuotaWatch(str(tmp_path))
    for periods, usec in ((8, 1000), (10, 1500)):
        watch.begin()
        tree(groups, {"cpu.stat": stat(periods, usec)})
        watch.end()
        tree(groups, {"cpu.stat": stat(periods + 1, usec + 300)})  # in a turn of another file
    found = watch.found()
    assert (found["throttled_periods"], found["throttled_ns"]) == (2, 300_000)
    assert (found["cores"], found["file"]) == (1.5, str(groups / "cpu.max"))


def test_of_several_quotas_it_is_the_one_that_stopped_it(tmp_path):
    tree(tmp_path, {"proc/self/cgroup": "0::/a\n"})
    groups = tmp_path / GROUPS
    tree(groups, {"cpu.max": "800000 100000\n", "cpu.stat": stat(0, 0)})
    tree(groups, {"a/cpu.max": "200000 100000\n", "a/cpu.stat": stat(0, 0)})
    watch = QuotaWatch(str(tmp_path))
    watch.begin()
    watch.end()
    assert (watch.found()["cores"], watch.found()["throttled_ns"]) == (2.0, 0)
    watch.begin()
    tree(groups, {"cpu.stat": stat(4, 50)})  # the whole machine's
    watch.end()
    assert (watch.found()["cores"], watch.found()["throttled_ns"]) == (8.0, 50_000)


def test_version_1_counts_nanoseconds(tmp_path):
    tree(tmp_path, {"proc/self/cgroup": V1})
    group = tmp_path / GROUPS / "cpu"
    tree(group, {"cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"})
    tree(group, {"cpu.stat": "nr_periods 3\nnr_throttled 1\nthrottled_time 1000\n"})
    watch = QuotaWatch(str(tmp_path))
    watch.begin()
    tree(group, {"cpu.stat": "nr_periods 5\nnr_throttled 2\nthrottled_time 5000\n"})
    watch.end()
    assert (watch.found()["throttled_periods"], watch.found()["throttled_ns"]) == (1, 4000)


@pytest.fixture
def little_time():
    """A real control group of version 1 whose processes have a tenth of a core: they use that up
    however busy the machine is."""
    group = Path("/sys/fs/cgroup/cpu") / f"mobilenet-deploy-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        (group / "cpu.cfs_period_us").write_text("20000")
        (group / "cpu.cfs_quota_us").write_text("2000")
        yield group
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


def test_a_real_quota_that_stops_the_runner_is_in_its_result(job, little_time):
    """Whoever starts it is in the group, as in a container or in a service."""
    plan = Plan(warmup_s=0.0, precision=0.0, time_limit_s=1.0)
    text = replace(job, plan=plan).to_json()
    command = f"echo $$ > {little_time}/cgroup.procs && exec {sys.executable} {RUNNER}"
    done = subprocess.run(["sh", "-c", command], input=text, capture_output=True, text=True)
    result = Result.from_dict(json.loads(done.stdout), job)
    assert result.error is None and held_back(result)
    assert (result.cpu_quota.cores, result.cpu_quota.throttled_periods > 0) == (0.1, True)
    assert result.cpu_quota.file == f"{little_time}/cpu.cfs_quota_us"
    (quota,) = [w for w in find_warnings(result, HOST, plan) if w.kind == "quota"]
    assert f"0.1 cores ({little_time}/cpu.cfs_quota_us) stopped it in" in quota.message
