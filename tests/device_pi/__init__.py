"""An emulated Raspberry Pi: a Debian arm64 root run by qemu-user, reached through a real OpenSSH
server.

``emulated_pi.EmulatedPi`` is the way in. Everything that a device mounts, registers and runs lives
in namespaces of its own and is gone with the process that started it, however that one ends.
"""
