"""An emulated phone: mksh and toybox run by qemu-user, reached through a daemon
that speaks adb's protocol.

``emulated_phone.EmulatedPhone`` is the way in; ``adbd.Adbd`` is the daemon alone, whose programs
are those of the machine it runs on. Everything is gone with the process that started it, however
that one ends.
"""
