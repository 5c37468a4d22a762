"""The native runner is built when something changed, and lies whole with all that it needs."""

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading

import native_project
import pytest
from commands import ROOT, environment, run
from processes import wait_until

from bench.devices.native.bundle import bundle_for
from bench.devices.native.c_library import CLibrary, check_fits
from models.command_line.errors import DeviceError, RequestError

CROSS, QEMU = "aarch64-linux-gnu-g++", "qemu-aarch64-static"

pytestmark = pytest.mark.skipif(
    not (shutil.which("cmake") and shutil.which("c++")), reason="wants cmake and a C++ compiler"
)


@pytest.fixture
def places(tmp_path):
    return native_project.project(tmp_path)


class Shown(list):
    """A Report that keeps what it is told."""

    def __call__(self, doing, done=0, total=None):
        self.append(doing)


def build(places, target="host", **options):
    """The bundle, and what was shown."""
    shown = Shown()
    return bundle_for(target, shown, places=places, **options), shown


def output_of(bundle, *names, folder=None, emulator=()):
    """The lines that the bundle's program prints about libraries."""
    start = bundle.start_in(str(folder or bundle.folder))
    done = subprocess.run([*emulator, *start, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def only_programs(monkeypatch, folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr("sys.executable", str(folder / "python"))


def test_the_bundle_of_this_machine_opens_the_installed_libraries(places):
    bundle, _ = build(places)
    libraries = ("libLiteRt.so", "libonnxruntime.so.1")
    assert set(libraries) < set(bundle.names) and "runner" in bundle.names
    assert output_of(bundle, *libraries) == [f"{name} opened" for name in libraries]
    versions = json.loads((bundle.folder / "versions.json").read_text())
    assert versions == bundle.versions and set(versions) == {"ai-edge-litert", "onnxruntime"}
    assert sorted(bundle.names) == sorted(set(os.listdir(bundle.folder)) - {"bundle.json"})


def test_what_is_built_is_not_built_again(places):
    first, shown = build(places)
    again, shown_again = build(places)
    assert again == first and "compiling" in shown and not shown_again


@pytest.mark.parametrize(
    "file", ["src/main.cpp", "CMakeLists.txt", "../bench/on_device/core_names.py"]
)
def test_another_source_makes_another_bundle_beside_the_one_in_use(places, file):
    first, _ = build(places)
    changed = places.harness / file
    changed.write_text(changed.read_text()[:-1] + " ")  # of the same length
    second, shown = build(places)
    assert second.folder != first.folder and "compiling" in shown
    assert output_of(first) == output_of(second) == []


def test_a_bundle_that_was_left_unfinished_is_made_again(places):
    first, _ = build(places)
    (first.folder / "bundle.json").unlink()
    again, shown = build(places)
    assert again == first and shown


def test_a_bundle_unused_for_long_is_removed(places):
    first, _ = build(places)
    os.utime(first.folder, (0, 0))
    (places.harness / "src" / "other.cpp").write_text("int other() { return 1; }\n")
    second, _ = build(places)
    assert not first.folder.exists() and second.folder.exists()


def test_two_at_once_build_once(places):
    found = []
    threads = [threading.Thread(target=lambda: found.append(build(places))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (one, shown), (other, shown_other) = found
    assert one == other and bool(shown) != bool(shown_other)


def test_a_source_that_does_not_compile_ends_in_one_line(places, capfd):
    broken = places.harness / "src" / "other.cpp"
    broken.write_text("int answer() { return unknown_name; }\n")
    with pytest.raises(
        DeviceError, match=r"does not build: .*other\.cpp:1:.*unknown_name"
    ) as output:
        build(places)
    assert "\n" not in str(output.value)
    assert "unknown_name" in capfd.readouterr().err
    assert not list(places.cache.rglob("bundle.json"))
    broken.write_text(native_project.OTHER)
    assert build(places)[0].folder.is_dir()


def test_a_project_that_cmake_refuses_says_why(places):
    with (places.harness / "CMakeLists.txt").open("a") as file:
        file.write('message(FATAL_ERROR "the moon is wrong")\n')
    with pytest.raises(DeviceError, match=r"CMake Error at CMakeLists\.txt:.*the moon is wrong"):
        build(places)


def test_an_interrupted_build_leaves_no_compiler(places, tmp_path):
    mark = tmp_path / "compiling"
    with (places.harness / "CMakeLists.txt").open("a") as file:
        file.write(f'add_custom_target(slow sh -c "echo $$ >{mark}; exec sleep 300" VERBATIM)\n')
        file.write("add_dependencies(runner slow)\n")
    code = (
        "import sys; from pathlib import Path\n"
        "from bench.devices.native.bundle import bundle_for\n"
        "from bench.devices.native.places import Places\n"
        "bundle_for('host', print, places=Places(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    words = [sys.executable, "-c", code, str(places.harness), str(places.cache)]
    with subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: mark.exists() and mark.read_text().strip())
        process.send_signal(signal.SIGINT)
    wait_until(lambda: not os.path.exists(f"/proc/{mark.read_text().strip()}"))


def test_a_warning_does_not_compile(places):
    (places.harness / "src" / "other.cpp").write_text("int answer() { int unused; return 1; }\n")
    with pytest.raises(DeviceError, match="unused"):
        build(places)


@pytest.mark.parametrize(
    ("programs", "target", "wanted"),
    [
        ([], "host", "apt install g[+][+]"),
        (["c++"], "aarch64-linux", "apt install g[+][+]-aarch64-linux-gnu"),
        (["c++"], "host", "apt install cmake"),
        (["c++", "cmake"], "host", "apt install ninja-build"),
    ],
)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="aarch64 is no foreign machine here")
def test_a_missing_program_is_named_with_its_package(
    places, tmp_path, monkeypatch, programs, target, wanted
):
    only_programs(monkeypatch, tmp_path / "bin", *programs)
    with pytest.raises(DeviceError, match=wanted):
        build(places, target)


@pytest.mark.parametrize("target", ["arm64-v8a", "armeabi-v7a", "x86_64"])
def test_android_s_targets_want_the_ndk(places, target):
    with pytest.raises(RequestError, match=f"make android NDK=/path/to/ndk ABI={target}"):
        build(places, target)


def test_what_is_not_known_is_refused(places):
    with pytest.raises(RequestError, match="'toaster'; expected one of: host, aarch64-linux"):
        build(places, "toaster")
    with pytest.raises(RequestError, match="'speed'; expected some of: address, undefined"):
        build(places, sanitize="address,speed")
    with pytest.raises(RequestError, match="sanitize is for the target host"):
        build(places, "aarch64-linux", sanitize="address")


def test_sanitizers_build_apart(places):
    plain, _ = build(places)
    checked, _ = build(places, sanitize="address,undefined")
    assert checked.folder.parent.name == "host-address+undefined"
    assert b"__asan_init" in (checked.folder / "runner").read_bytes()
    assert b"__asan_init" not in (plain.folder / "runner").read_bytes()


@pytest.mark.skipif(
    not (shutil.which(CROSS) and shutil.which(QEMU)), reason=f"wants {CROSS} and {QEMU}"
)
def test_the_bundle_for_arm_runs_with_its_own_loader_from_links_to_hashes(places, tmp_path):
    bundle, _ = build(places, "aarch64-linux")
    # As it lies on a phone: the files under their hashes, the folder of links to them.
    files, folder = tmp_path / "a phone" / "files", tmp_path / "a phone" / "harness"
    for made in (files, folder):
        made.mkdir(parents=True)
    for name in bundle.names:
        content = (bundle.folder / name).read_bytes()
        hashed = files / hashlib.sha256(content).hexdigest()
        shutil.copy(bundle.folder / name, hashed)
        (folder / name).symlink_to(hashed)
    # ONNX Runtime reads /proc/cpuinfo when it is opened, where this machine's is no ARM's.
    output = output_of(bundle, "libLiteRt.so", "libnone.so", folder=folder, emulator=[QEMU])
    assert output[0] == "libLiteRt.so opened" and "cannot open" in output[1]
    assert bundle.start[0] == "{folder}/ld-linux-aarch64.so.1" and bundle.abi == "arm64-v8a"
    assert sum((bundle.folder / name).stat().st_size for name in bundle.names) < 50e6


@pytest.mark.skipif(platform.machine() != "x86_64", reason="wants an x86_64 machine")
def test_the_bundle_for_x86_runs_with_its_own_loader(places):
    bundle, _ = build(places, "x86_64-linux")
    names = ("libLiteRt.so", "libonnxruntime.so.1")
    assert output_of(bundle, *names) == [f"{name} opened" for name in names]
    assert not any((bundle.folder / name).is_symlink() for name in bundle.names)


def test_a_library_newer_than_the_c_library_is_refused(tmp_path):
    libc, library = tmp_path / "libc.so.6", tmp_path / "libLiteRt.so"
    libc.write_bytes(b"\0GLIBC_2.17\0GLIBC_2.31\0")
    library.write_bytes(b"\0GLIBC_2.4\0GLIBC_2.34\0")
    c_library = CLibrary("ld.so", {"libc.so.6": libc})
    with pytest.raises(DeviceError, match=r"libLiteRt.so needs glibc 2.34, and .* 2.31"):
        check_fits(c_library, library)
    library.write_bytes(b"\0GLIBC_2.31\0")
    check_fits(c_library, library)


def test_the_command_says_where_the_runner_is():
    """The real sources: they are compiled here, by every test that wants them, once."""
    done = run("bench.devices.native", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.splitlines()[0]
    assert os.access(os.path.join(folder, "runner"), os.X_OK)


def test_the_command_refuses_in_one_line(tmp_path):
    for words in (
        ("--target", "toaster"),
        ("--abi", "mips"),
        ("--abi", "arm64-v8a", "--target", "host"),
    ):
        done = run("bench.devices.native", *words, cwd=tmp_path)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
