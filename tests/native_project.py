"""The native runner's project with a program of a few lines in the runner's place, so that a build
takes a second; and archives as they are published for Android."""

import shutil
import zipfile
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
    (harness / "src" / "job").mkdir(parents=True)
    (harness / "src" / "job" / "json.h").write_text("#pragma once\n")
    (harness / "src" / "main.cpp").write_text(MAIN)
    (harness / "src" / "other.cpp").write_text(OTHER)
    for name in SHARED_TABLES:
        (harness.parent / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, harness.parent / name)
    return Places(harness, folder / "cache")


def ndk(folder: Path) -> Path:
    """A folder with the parts of an NDK that a build looks for."""
    made = folder / "an ndk"
    (made / "build" / "cmake").mkdir(parents=True)
    (made / "source.properties").write_text("Pkg.Desc = Android NDK\nPkg.Revision = 28.2.1\n")
    toolchains = ROOT / "android_harness" / "toolchains"
    text = ANDROID_CMAKE.format(toolchains=toolchains)
    (made / "build" / "cmake" / "android.toolchain.cmake").write_text(text)
    return made


def published(folder: Path, versions=("1.0", "1.0", "2.0")) -> Path:
    """A folder with three archives as they are on Maven."""
    folder.mkdir()
    members = {
        "litert": "libLiteRt.so",
        "litert-gpu": "libLiteRtClGlAccelerator.so",
        "onnxruntime-android": "libonnxruntime.so",
    }
    for (stem, member), version in zip(members.items(), versions, strict=True):
        with zipfile.ZipFile(folder / f"{stem}-{version}.aar", "w") as packed:
            for abi in ("arm64-v8a", *(() if stem == "litert-gpu" else ("armeabi-v7a",))):
                packed.writestr(f"jni/{abi}/{member}", f"{member} {version} for {abi}")
    return folder
