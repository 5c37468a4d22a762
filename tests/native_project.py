"""The native runner's project with a program of a few lines in the runner's place, so that a build
takes a second; and what is published for Android, on a loopback port."""

import hashlib
import http.server
import shutil
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from commands import ROOT

from bench.devices.native.places import Places
from bench.devices.native.sources import SHARED_TABLES

MAIN = r"""
#include <dlfcn.h>

#include <cstdio>
#include <string>

// --libraries FOLDER NAME...: says of each library there whether it can be opened.
int main(int count, char** words) {
  for (int i = 3; i < count; ++i) {
    void* opened = dlopen((std::string(words[2]) + "/" + words[i]).c_str(), RTLD_NOW);
    std::printf("%s %s\n", words[i], opened ? "opened" : dlerror());
  }
}
"""
OTHER = "int answer() { return 42; }\n"
# Android's toolchain file has the same variables; ours are for Linuxes of the same processors.
ANDROID_CMAKE = """
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ANDROID_ABI ANDROID_STL ANDROID_PLATFORM)
set(FOR_arm64-v8a aarch64-linux-gnu)
set(FOR_armeabi-v7a arm-linux-gnueabihf)
if(NOT ANDROID_STL STREQUAL "c++_static" OR NOT ANDROID_PLATFORM)
  message(FATAL_ERROR "not asked as an NDK is")
endif()
include("{toolchains}/${{FOR_${{ANDROID_ABI}}}}.cmake")
"""


def project(folder: Path) -> Places:
    """Everything of android_harness but its sources."""
    harness = folder / "project" / "android_harness"
    shutil.copytree(ROOT / "android_harness", harness, ignore=shutil.ignore_patterns("src"))
    (harness / "src").mkdir()
    (harness / "src" / "main.cpp").write_text(MAIN)
    (harness / "src" / "other.cpp").write_text(OTHER)
    for name in SHARED_TABLES:
        (harness.parent / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, harness.parent / name)
    return Places(harness, folder / "cache")


def ndk(folder: Path) -> Path:
    """What stands where an NDK is expected."""
    made = folder / "an ndk"
    (made / "build" / "cmake").mkdir(parents=True)
    (made / "source.properties").write_text("Pkg.Desc = Android NDK\nPkg.Revision = 28.2.1\n")
    toolchains = ROOT / "android_harness" / "toolchains"
    text = ANDROID_CMAKE.format(toolchains=toolchains)
    (made / "build" / "cmake" / "android.toolchain.cmake").write_text(text)
    return made


def published(folder: Path, checksum="sha1") -> Path:
    """Three archives and their checksums, as Maven's servers have them."""
    folder.mkdir()
    for name, member in (
        ("litert-1.0.aar", "libLiteRt.so"),
        ("litert-gpu-1.0.aar", "libLiteRtClGlAccelerator.so"),
        ("onnxruntime-android-2.0.aar", "libonnxruntime.so"),
    ):
        with zipfile.ZipFile(folder / name, "w") as packed:
            for abi in ("arm64-v8a", "armeabi-v7a"):
                packed.writestr(f"jni/{abi}/{member}", f"{member} for {abi}")
        said = hashlib.new(checksum, (folder / name).read_bytes()).hexdigest()
        (folder / f"{name}.{checksum}").write_text(said)
    return folder


def describe(places: Places, archives: Path, address: str, pinned=True) -> None:
    """libraries.toml of ``archives`` at ``address``."""
    rows = []
    for package, version, file, abis in (
        ("ai-edge-litert", "1.0", "litert-1.0.aar", ["arm64-v8a", "armeabi-v7a"]),
        ("ai-edge-litert", "1.0", "litert-gpu-1.0.aar", ["arm64-v8a"]),
        ("onnxruntime", "2.0", "onnxruntime-android-2.0.aar", ["arm64-v8a", "armeabi-v7a"]),
    ):
        with zipfile.ZipFile(archives / file) as packed:
            member = Path(packed.namelist()[0]).name
        sha256 = hashlib.sha256((archives / file).read_bytes()).hexdigest() if pinned else ""
        rows.append(
            f'[[aar]]\npackage = "{package}"\nversion = "{version}"\nurl = "{address}{file}"\n'
            f'sha256 = "{sha256}"\nmembers = ["{member}"]\nabis = {abis}\n'
        )
    places.libraries_file.write_text("\n".join(rows).replace("'", '"'))


class _Server(http.server.SimpleHTTPRequestHandler):
    """Files, "/to?ADDRESS" as a redirection, and "/short" of which the line breaks."""

    def do_GET(self):
        path, _, address = self.path.partition("?")
        if path == "/to":
            self.send_response(302)
            self.send_header("Location", address)
            self.end_headers()
        elif path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half of it")
        else:
            super().do_GET()

    def log_message(self, *_):
        """Nobody reads it."""


@contextmanager
def served(folder: Path):
    """The address under which the files of ``folder`` are."""
    handler = partial(_Server, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
