"""Targets of the native runner."""

from dataclasses import dataclass

from models.command_line.errors import RequestError


@dataclass(frozen=True)
class Target:
    """``abi`` is Android's name of the processor, "" for the one that builds.

    ``machine`` is the kernel's name of it, likewise. Where ``c_library``, the bundle has its own
    loader and C library; where ``ndk``, Android's are used and its NDK compiles.
    """

    name: str
    abi: str = ""
    machine: str = ""
    c_library: bool = False
    ndk: bool = False


HOST = Target("host")
AARCH64_LINUX = Target("aarch64-linux", "arm64-v8a", "aarch64", c_library=True)
X86_64_LINUX = Target("x86_64-linux", "x86_64", "x86_64", c_library=True)
ARM64_V8A = Target("arm64-v8a", "arm64-v8a", "aarch64", ndk=True)
ARMEABI_V7A = Target("armeabi-v7a", "armeabi-v7a", "armv7l", ndk=True)
X86_64 = Target("x86_64", "x86_64", "x86_64", ndk=True)

TARGETS = {
    target.name: target
    for target in (HOST, AARCH64_LINUX, X86_64_LINUX, ARM64_V8A, ARMEABI_V7A, X86_64)
}


def target_named(name: str) -> Target:
    """RequestError where there is none of that name."""
    if name not in TARGETS:
        raise RequestError(f"target is {name!r}; expected one of: {', '.join(TARGETS)}")
    return TARGETS[name]


def target_for(abi: str, with_ndk: bool) -> Target:
    """The target of a phone of this ABI: built with the NDK, or bundled with its own C library.

    RequestError where there is no such target.
    """
    found = [t for t in TARGETS.values() if t.abi and t.ndk == with_ndk]
    for target in found:
        if target.abi == abi:
            return target
    known = ", ".join(target.abi for target in found)
    where = "with the NDK" if with_ndk else "without the NDK (NDK=/path/to/ndk builds more)"
    raise RequestError(f"ABI is {abi!r}; expected one of these {where}: {known}")
