"""The native runner with Android's NDK: its toolchain file, and the libraries of .aar archives."""

import shutil
import subprocess

import native_project
import pytest
from commands import ROOT
from native_project import published

from bench.devices.native.bundle import bundle_for, target_on_phone
from models.command_line.errors import DeviceError, RequestError

COMPILERS = {
    "arm64-v8a": "aarch64-linux-gnu-g++",
    "armeabi-v7a": "arm-linux-gnueabihf-g++",
}


def silent(doing, done=0, total=None):
    """A Report."""


@pytest.fixture
def places(tmp_path):
    return native_project.project(tmp_path)


@pytest.fixture
def archives(tmp_path):
    return published(tmp_path / "archives")


@pytest.fixture
def ndk(tmp_path):
    return native_project.ndk(tmp_path)


@pytest.mark.parametrize("abi", COMPILERS)
def test_the_ndk_compiles_and_the_archives_give_the_libraries(places, archives, ndk, abi):
    if not shutil.which(COMPILERS[abi]) or not shutil.which("cmake"):
        pytest.skip(f"wants cmake and {COMPILERS[abi]}")
    bundle = bundle_for(abi, silent, ndk=ndk, aars=archives, places=places)
    accelerators = {"libLiteRtClGlAccelerator.so"} if abi == "arm64-v8a" else set()
    expected = {"runner", "versions.json", "libLiteRt.so", "libonnxruntime.so"} | accelerators
    assert set(bundle.names) == expected and bundle.abi == abi
    assert bundle.start == ("{folder}/runner", "--libraries", "{folder}")
    assert (bundle.folder / "libLiteRt.so").read_text() == f"libLiteRt.so 1.0 for {abi}"
    assert bundle.versions == {"ai-edge-litert": "1.0", "onnxruntime": "2.0"}
    assert bundle.toolchain == "NDK 28.2.1"
    elf = (bundle.folder / "runner").read_bytes()[:20]
    assert elf[:4] == b"\x7fELF" and elf[18] == {"arm64-v8a": 0xB7, "armeabi-v7a": 0x28}[abi]


@pytest.mark.skipif(not shutil.which(COMPILERS["arm64-v8a"]), reason="wants the cross compiler")
def test_a_phone_gets_what_the_ndk_built_and_a_later_bench_needs_nothing_named(
    places, archives, ndk, tmp_path
):
    assert target_on_phone("arm64-v8a", places) == "aarch64-linux"
    first = bundle_for("arm64-v8a", silent, ndk=ndk, aars=archives, places=places)
    assert target_on_phone("arm64-v8a", places) == "arm64-v8a"
    shutil.rmtree(archives)
    assert bundle_for("arm64-v8a", silent, places=places) == first
    newer = published(tmp_path / "newer", ("1.1", "1.1", "2.0"))
    second = bundle_for("arm64-v8a", silent, aars=newer, places=places)
    assert second.folder != first.folder and second.versions["ai-edge-litert"] == "1.1"


def test_a_phone_that_nothing_is_built_for_is_named(places):
    with pytest.raises(RequestError, match=r"'armeabi-v7a'; expected .* arm64-v8a, x86_64"):
        target_on_phone("armeabi-v7a", places)


def test_a_folder_that_is_no_ndk_is_refused(places, tmp_path):
    with pytest.raises(RequestError, match=r"which has no build/cmake/android\.toolchain\.cmake"):
        bundle_for("arm64-v8a", silent, ndk=tmp_path, places=places)


def test_without_archives_the_message_says_which_and_how_to_name_them(places, ndk):
    with pytest.raises(RequestError) as raised:
        bundle_for("arm64-v8a", silent, ndk=ndk, places=places)
    message = str(raised.value)
    assert "litert-VERSION.aar and onnxruntime-android-VERSION.aar" in message
    assert message.endswith("make android NDK=/path/to/ndk ABI=arm64-v8a LIBRARIES=/path/to/aars")


def test_archives_that_are_missing_or_of_two_versions_are_named(places, archives, ndk):
    (archives / "litert-1.1.aar").touch()
    with pytest.raises(RequestError, match=r"has litert-1\.0\.aar, litert-1\.1\.aar; expected one"):
        bundle_for("arm64-v8a", silent, ndk=ndk, aars=archives, places=places)
    (archives / "litert-1.1.aar").unlink()
    (archives / "onnxruntime-android-2.0.aar").unlink()
    with pytest.raises(RequestError, match=r"which has no onnxruntime-android-VERSION\.aar"):
        bundle_for("arm64-v8a", silent, ndk=ndk, aars=archives, places=places)


@pytest.mark.skipif(not shutil.which(COMPILERS["arm64-v8a"]), reason="wants the cross compiler")
@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_an_archive_that_does_not_read_is_named(places, archives, ndk, content):
    (archives / "litert-1.0.aar").write_bytes(content)
    with pytest.raises(DeviceError, match=r"litert-1\.0\.aar has no library for arm64-v8a"):
        bundle_for("arm64-v8a", silent, ndk=ndk, aars=archives, places=places)


def test_make_passes_what_an_android_build_is_told():
    words = ["make", "--no-print-directory", "-n", "-o", ".venv/ready", "android"]
    words += ["NDK=/an ndk", "ABI=armeabi-v7a"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split(" -m ")[1].split() == [
        "bench.devices.native", "--ndk", "'/an", "ndk'", "--abi", "'armeabi-v7a'"
    ]  # fmt: skip
