"""Devices that jobs run on: this machine, a board over SSH, a phone over adb."""
