"""VNNI: the x86 instructions that sum int8 products in 32 bits."""

FLAGS = {"avx512_vnni", "avx_vnni"}


def lacks_vnni(cpuinfo="/proc/cpuinfo"):
    """Whether the CPU's int8 products may overflow; True where its flags cannot be read, as on
    Windows and macOS, or where there are none, as on ARM, which never overflows."""
    try:
        with open(cpuinfo, encoding="utf-8", errors="replace") as lines:
            flags = [line.partition(":")[2] for line in lines if line.startswith("flags")]
    except OSError:
        return True
    return not flags or FLAGS.isdisjoint(flags[0].split())
