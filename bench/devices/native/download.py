"""Downloads over https."""

import ipaddress
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from models.command_line.errors import DeviceError
from models.command_line.progress import Report

TIMEOUT_S = 30.0
CHUNK = 1 << 20


class _OnlySafe(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(url: str) -> None:
    """DeviceError unless ``url`` is https, or http to this machine."""
    parts = urlsplit(url)
    try:
        own = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        own = False
    if parts.scheme != "https" and not (parts.scheme == "http" and own):
        raise DeviceError(f"{url} is not downloaded; expected an https address")


def download(url: str, to: Path, limit_bytes: int, show: Report) -> None:
    """``url`` as the file ``to``, whole or not at all; DeviceError where it cannot be had, or has
    more than ``limit_bytes``."""
    part = to.with_name(f"{to.name}.part")
    try:
        with _opened(url) as answer, part.open("wb") as file:
            _copy(url, answer, file, limit_bytes, show)
        part.rename(to)
    except (OSError, urllib.error.URLError) as error:
        said = getattr(error, "reason", None) or error
        raise DeviceError(f"{url} cannot be downloaded: {said}") from error
    finally:
        part.unlink(missing_ok=True)


def text_of(url: str) -> str | None:
    """A short text, None where there is none of that name; DeviceError otherwise."""
    try:
        with _opened(url) as answer:
            return answer.read(4096).decode("ascii", errors="replace")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise DeviceError(f"{url} cannot be downloaded: {error.reason}") from error
    except (OSError, urllib.error.URLError) as error:
        raise DeviceError(f"{url} cannot be downloaded: {error}") from error


def _opened(url: str):
    check_address(url)
    return urllib.request.build_opener(_OnlySafe).open(url, timeout=TIMEOUT_S)


def _copy(url: str, answer, file, limit_bytes: int, show: Report) -> None:
    announced = int(answer.headers.get("Content-Length") or 0)
    total, done = announced or None, 0
    name = urlsplit(url).path.rpartition("/")[2]
    while chunk := answer.read(CHUNK):
        done += len(chunk)
        if done > limit_bytes:
            raise DeviceError(f"{url} has more than {limit_bytes} bytes; expected a smaller file")
        file.write(chunk)
        # Megabytes: on a plain stream each number is a line.
        show(f"downloading {name}, MiB", done >> 20, total and max(1, total >> 20))
    if announced and done != announced:
        raise DeviceError(f"{url} ended after {done} of {announced} bytes; type it again")
