"""An emulated phone: a daemon that speaks adb's protocol, to which the real ``adb`` connects.

``adbd.Adbd`` is the daemon alone; its programs are those of the machine it runs on.
"""
