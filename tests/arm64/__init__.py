"""An emulated arm64 device: a Debian root run by qemu-user, in namespaces of its own.

``device.Device`` is what device_pi and device_android have in common. Everything that a device
mounts, registers and runs is gone with the process that started it, however that one ends.
"""
