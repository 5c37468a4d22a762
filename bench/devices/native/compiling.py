"""CMake build of the native runner."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from bench.devices.native.libraries import package_folder
from bench.devices.native.places import Places
from bench.devices.native.toolchain import Toolchain, find_tool
from models.command_line.errors import DeviceError
from models.command_line.progress import Report, aside

LAST_LINES = 20
LONGEST = 300  # characters of the line that an error ends in


def compiled_program(
    name: str, toolchain: Toolchain, sanitize: str, folder: Path, places: Places, show: Report
) -> Path:
    """The program ``name``, in a build folder of its tools and settings under ``folder``; only what
    changed is compiled.

    DeviceError where CMake is missing or the sources do not compile: the last words of the compiler
    are then on standard error.
    """
    cmake, ninja = find_tool("cmake"), find_tool("ninja")
    if cmake is None:
        raise DeviceError(
            "no cmake on this machine; run: sudo apt install cmake, or pip install cmake"
        )
    if ninja is None and find_tool("make") is None:
        raise DeviceError(
            "neither ninja nor make on this machine; run: sudo apt install ninja-build"
        )
    settings = [
        *(["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"] if ninja else ["-G", "Unix Makefiles"]),
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DNLOHMANN_INCLUDE={package_folder('nlohmann_json') / 'include'}",
        f"-DHARNESS_SANITIZE={sanitize}",
        f"-DPython3_EXECUTABLE={sys.executable}",
        *toolchain.settings,
    ]
    # CMake does not take another compiler or generator in a folder that it knows.
    asked = "\n".join([cmake, str(places.harness), toolchain.version, *settings])
    build = folder / f"build-{hashlib.sha256(asked.encode()).hexdigest()[:12]}"
    build.mkdir(parents=True, exist_ok=True)
    log = build / "build.log"
    log.write_bytes(b"")
    _run([cmake, "-S", str(places.harness), "-B", str(build), *settings], log, show)
    parallel = ("--parallel", str(os.cpu_count() or 1))
    _run([cmake, "--build", str(build), "--target", name, *parallel], log, show)
    return build / name


def _run(words: Sequence[str], log: Path, show: Report) -> None:
    last: deque[str] = deque(maxlen=LAST_LINES)
    show("compiling" if "--build" in words else "configuring")
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        with log.open("a") as file:
            for line in process.stdout:
                file.write(line)
                last.append(line)
                if step := re.match(r"\[(\d+)/(\d+)\]", line):
                    show("compiling", int(step[1]), int(step[2]))
        code = process.wait()
    finally:
        if process.poll() is None:
            # Ninja and make end their compilers when they are told to, not when they are killed.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        process.stdout.close()
    if code:
        _fail(list(last), log)


def _fail(last: list[str], log: Path) -> None:
    with aside():
        sys.stderr.write("".join(last))
        sys.stderr.flush()
    # CMake's own errors go on below their first line.
    message = re.search(
        r"^(CMake Error.*\n(?:\n* +.*\n)*|.*\berror\b.*$)", log.read_text(), re.MULTILINE
    )
    first = " ".join(message[0].split())[:LONGEST] if message else "no reason given"
    raise DeviceError(f"the native runner does not build: {first}; its output is in {log}")
