"""Build the native runner and print its folder: ``python -m bench.devices.native``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench.devices.native.bundle import Bundle, bundle_for
from bench.devices.native.target import HOST, TARGETS, target_for
from models.command_line import command
from models.command_line.errors import RequestError
from models.command_line.options import OneLineParser
from models.command_line.progress import step


def main(argv: Sequence[str]) -> int:
    """Run the command line ``argv``; its exit code."""
    return command.exit_code(lambda: _build(argv), "interrupted; what is compiled is kept")


def _build(argv: Sequence[str]) -> None:
    asked = _parser().parse_args(argv)
    if asked.target and (asked.abi or asked.ndk):
        raise RequestError(
            "target is given together with NDK or ABI; expected either target, or NDK and ABI"
        )
    name = asked.target or HOST.name
    if asked.abi or asked.ndk:
        name = target_for(asked.abi or "arm64-v8a", with_ndk=asked.ndk is not None).name
    with step(f"native runner for {name}") as show:
        bundle = bundle_for(name, show, asked.ndk, asked.libraries, asked.sanitize)
    print(described(bundle))


def described(bundle: Bundle) -> str:
    """The folder of a bundle, its size, its compiler and its versions."""
    size = sum((bundle.folder / name).stat().st_size for name in bundle.names)
    versions = ", ".join(f"{name} {version}" for name, version in bundle.versions.items())
    return f"{bundle.folder}\n{size / 1e6:.1f} MB; {bundle.toolchain}; {versions}"


def _parser() -> argparse.ArgumentParser:
    made = OneLineParser(prog="python -m bench.devices.native", description=__doc__)
    made.add_argument("--target", help=f"{', '.join(TARGETS)}; default: host", default="")
    made.add_argument("--abi", help="of a phone: arm64-v8a, armeabi-v7a or x86_64", default="")
    made.add_argument("--ndk", type=_folder, help="folder of Android's NDK")
    made.add_argument(
        "--libraries", type=_folder, help="folder with the .aar files of LiteRT and ONNX Runtime"
    )
    made.add_argument("--sanitize", default="", help="address,undefined: a build apart, of host")
    return made


def _folder(typed: str) -> Path:
    """Make gives it in quotes, in which no shell expands a ~."""
    return Path(typed).expanduser()
