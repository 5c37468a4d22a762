"""The way to the internet that this machine has, for a device that is to have it too."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# What says how a package index is reached. The rest is about this machine: its folders, its output.
SETTINGS = (
    "index-url", "extra-index-url", "proxy", "trusted-host", "default-timeout", "timeout", "retries"
)  # fmt: skip


def share(root: Path) -> None:
    """Writes name servers, certificates and pip's settings into the device's root."""
    for path in ("/etc/resolv.conf", "/etc/hosts"):
        _write(root, path, Path(path).read_text())
    settings = pip_settings()
    trusted = settings.get("cert", os.environ.get("SSL_CERT_FILE", CERTIFICATES))
    _write(root, CERTIFICATES, Path(trusted).read_text())
    _write(root, "/etc/pip.conf", pip_conf(settings))


def pip_settings() -> dict[str, str]:
    """pip's own settings here, of its files and of the environment, which pip lists last."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        name, value = line.split("=", 1)
        found[name.rpartition(".")[2]] = shlex.split(value)[0]
    return found


def pip_conf(settings: dict[str, str]) -> str:
    """pip.conf of a device with the same indexes; folders of this machine are not there."""
    lines = ["[global]", f"cert = {CERTIFICATES}"]
    for name in SETTINGS:
        words = settings.get(name, "").split()
        value = " ".join(word for word in words if not word.startswith("file:"))
        if value:
            lines.append(f"{name} = {value}")
    return "\n".join(lines) + "\n"


def _write(root: Path, path: str, content: str) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)
