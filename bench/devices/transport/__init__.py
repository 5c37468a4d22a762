"""Connections to a device: ssh and adb."""
