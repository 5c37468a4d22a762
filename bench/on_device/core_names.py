"""Names of ARM cores by the numbers in /proc/cpuinfo: Raspberry Pis, phones, servers."""

ARM, QUALCOMM = 0x41, 0x51  # implementers; then the part
CORE_NAMES = {
    (ARM, 0xB76): "ARM1176",
    (ARM, 0xC07): "Cortex-A7",
    (ARM, 0xC09): "Cortex-A9",
    (ARM, 0xC0F): "Cortex-A15",
    (ARM, 0xD03): "Cortex-A53",
    (ARM, 0xD04): "Cortex-A35",
    (ARM, 0xD05): "Cortex-A55",
    (ARM, 0xD07): "Cortex-A57",
    (ARM, 0xD08): "Cortex-A72",
    (ARM, 0xD09): "Cortex-A73",
    (ARM, 0xD0A): "Cortex-A75",
    (ARM, 0xD0B): "Cortex-A76",
    (ARM, 0xD0C): "Neoverse-N1",
    (ARM, 0xD0D): "Cortex-A77",
    (ARM, 0xD40): "Neoverse-V1",
    (ARM, 0xD41): "Cortex-A78",
    (ARM, 0xD44): "Cortex-X1",
    (ARM, 0xD46): "Cortex-A510",
    (ARM, 0xD47): "Cortex-A710",
    (ARM, 0xD48): "Cortex-X2",
    (ARM, 0xD49): "Neoverse-N2",
    (ARM, 0xD4D): "Cortex-A715",
    (ARM, 0xD4E): "Cortex-X3",
    (ARM, 0xD4F): "Neoverse-V2",
    (ARM, 0xD80): "Cortex-A520",
    (ARM, 0xD81): "Cortex-A720",
    (ARM, 0xD82): "Cortex-X4",
    (QUALCOMM, 0x001): "Oryon",
    (QUALCOMM, 0x802): "Kryo 3xx Gold",
    (QUALCOMM, 0x803): "Kryo 3xx Silver",
    (QUALCOMM, 0x804): "Kryo 4xx Gold",
    (QUALCOMM, 0x805): "Kryo 4xx Silver",
}


def core_name(implementer, part):
    """The name of an ARM core, or the numbers that /proc/cpuinfo has for it."""
    return CORE_NAMES.get((implementer, part), f"ARM core {implementer:#x}/{part:#x}")
