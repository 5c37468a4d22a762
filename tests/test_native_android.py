"""The native runner with Android's NDK: its toolchain file, and libraries that are pinned."""

import re
import shutil
import subprocess

import native_project
import pytest
from commands import ROOT
from native_project import describe, published, served

from bench.devices.native import aar
from bench.devices.native.bundle import bundle_for, target_on_phone
from bench.devices.native.download import download
from bench.devices.native.pin import pinned
from bench.devices.native.places import Places
from models.command_line.errors import CheckFailed, DeviceError, RequestError

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
    with served(archives) as address:
        describe(places, archives, address)
        bundle = bundle_for(abi, silent, ndk=ndk, places=places)
    accelerators = {"libLiteRtClGlAccelerator.so"} if abi == "arm64-v8a" else set()
    expected = {"runner", "versions.json", "libLiteRt.so", "libonnxruntime.so"} | accelerators
    assert set(bundle.names) == expected and bundle.abi == abi
    assert bundle.start == ("{folder}/runner", "--libraries", "{folder}")
    assert (bundle.folder / "libLiteRt.so").read_text() == f"libLiteRt.so for {abi}"
    assert bundle.versions == {"ai-edge-litert": "1.0", "onnxruntime": "2.0"}
    assert bundle.toolchain == "NDK 28.2.1"
    elf = (bundle.folder / "runner").read_bytes()[:20]
    assert elf[:4] == b"\x7fELF" and elf[18] == {"arm64-v8a": 0xB7, "armeabi-v7a": 0x28}[abi]


@pytest.mark.skipif(not shutil.which(COMPILERS["arm64-v8a"]), reason="wants the cross compiler")
def test_a_phone_gets_what_the_ndk_built_and_a_later_bench_needs_no_ndk_named(
    places, archives, ndk
):
    describe(places, archives, "http://127.0.0.1:9/")
    assert target_on_phone("arm64-v8a", places) == "aarch64-linux"
    first = bundle_for("arm64-v8a", silent, ndk=ndk, aars=archives, places=places)
    assert target_on_phone("arm64-v8a", places) == "arm64-v8a"
    (places.harness / "src" / "other.cpp").write_text("int other() { return 1; }\n")
    second = bundle_for("arm64-v8a", silent, places=places)
    assert second.folder != first.folder


def test_a_phone_that_nothing_is_built_for_is_named(places):
    with pytest.raises(RequestError, match=r"'armeabi-v7a'; expected .* arm64-v8a, x86_64"):
        target_on_phone("armeabi-v7a", places)


def test_a_folder_that_is_no_ndk_is_refused(places, tmp_path):
    with pytest.raises(RequestError, match=r"which has no build/cmake/android\.toolchain\.cmake"):
        bundle_for("arm64-v8a", silent, ndk=tmp_path, places=places)


def test_an_archive_that_is_not_pinned_is_not_used(places, archives, ndk):
    describe(places, archives, "http://127.0.0.1:9/", pinned=False)
    with pytest.raises(RequestError, match=r"no sha256 of litert-1\.0\.aar.*bench\.native\.pin"):
        bundle_for("arm64-v8a", silent, ndk=ndk, aars=archives, places=places)


@pytest.mark.parametrize("lies_there", [False, True])
def test_an_archive_of_other_bytes_is_neither_used_nor_kept(places, archives, lies_there):
    with served(archives) as address:
        describe(places, archives, address)
        (found, *_) = aar.published(places)
        with (archives / found.name).open("ab") as file:
            file.write(b"more")
        with pytest.raises(DeviceError, match=f"expected {found.sha256}"):
            aar.pinned_archive(found, archives if lies_there else None, places, silent)
    assert not list(places.cache.glob("aars/*"))


def test_an_archive_that_is_kept_is_not_downloaded_again(places, archives):
    with served(archives) as address:
        describe(places, archives, address)
        (found, *_) = aar.published(places)
        kept = aar.pinned_archive(found, None, places, silent)
    assert aar.pinned_archive(found, None, places, silent) == kept
    kept.write_bytes(b"something happened to it")
    with pytest.raises(DeviceError, match="cannot be downloaded"):
        aar.pinned_archive(found, None, places, silent)


def test_a_folder_without_the_archive_is_refused(places, archives, tmp_path):
    describe(places, archives, "http://127.0.0.1:9/")
    (found, *_) = aar.published(places)
    with pytest.raises(RequestError, match=r"which has no litert-1\.0\.aar"):
        aar.pinned_archive(found, tmp_path, places, silent)


@pytest.mark.parametrize("checksum", ["sha512", "sha256", "sha1"])
def test_what_is_pinned_is_what_the_server_s_checksum_says(places, tmp_path, checksum):
    archives = published(tmp_path / "archives", checksum)
    with served(archives) as address:
        describe(places, archives, address, pinned=False)
        lines = pinned(places, silent)
        assert len(lines) == 3 and all(f"the server's {checksum}" in line for line in lines)
        assert pinned(places, silent) == ["every archive is pinned already"]
    for found in aar.published(places):
        assert aar.pinned_archive(found, None, places, silent).is_file()


@pytest.mark.parametrize(
    ("said", "error"), [("0" * 40, CheckFailed), ("<html>", CheckFailed), (None, DeviceError)]
)
def test_what_the_server_s_checksum_does_not_confirm_is_not_pinned(places, archives, said, error):
    checksum = archives / "litert-1.0.aar.sha1"
    checksum.unlink()
    if said:
        checksum.write_text(said)
    with served(archives) as address:
        describe(places, archives, address, pinned=False)
        with pytest.raises(error, match="not pinned"):
            pinned(places, silent)
    assert all(not found.sha256 for found in aar.published(places))
    assert not list(places.cache.glob("aars/*"))


def test_only_https_is_downloaded(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100)
    to = tmp_path / "to"
    with served(tmp_path) as address:
        for url in ("http://example.org/a", f"{address}to?http://example.org/a", "file:///a"):
            with pytest.raises(DeviceError, match="expected an https address"):
                download(url, to, 1000, silent)
        with pytest.raises(DeviceError, match="more than 99 bytes"):
            download(f"{address}file", to, 99, silent)
        with pytest.raises(DeviceError, match="ended after 10 of 1000 bytes"):
            download(f"{address}short", to, 2000, silent)
        with pytest.raises(DeviceError, match="File not found"):
            download(f"{address}none", to, 1000, silent)
        assert not to.exists() and not list(tmp_path.glob("*.part"))
        download(f"{address}file", to, 100, silent)
    assert to.read_bytes() == b"x" * 100


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_published_libraries_are_of_the_versions_installed_here(python):
    text = (ROOT / "constraints" / f"{python}.txt").read_text()
    pins = dict(re.findall(r"^(\S+)==(\S+)$", text, re.M))
    for found in aar.published(Places()):
        # A wheel's last number may be of a repair to the wheel alone.
        assert found.version.split(".")[:2] == pins[found.package].split(".")[:2]
        assert f"/{found.version}/" in found.url and re.fullmatch("([0-9a-f]{64})?", found.sha256)


def test_a_list_of_libraries_that_does_not_read_is_refused(places):
    places.libraries_file.write_text("[[aar]]\npackage = 3\n")
    with pytest.raises(RequestError, match=r"libraries\.toml cannot be read"):
        aar.published(places)


def test_make_passes_what_an_android_build_is_told():
    words = ["make", "--no-print-directory", "-n", "-o", ".venv/ready", "android"]
    words += ["NDK=/an ndk", "ABI=armeabi-v7a"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split(" -m ")[1].split() == [
        "bench.devices.native.build", "--ndk", "'/an", "ndk'", "--abi", "'armeabi-v7a'"
    ]  # fmt: skip
