"""Package indexes that a device's pip is configured to ask, which are asked from here instead."""

import configparser
import re

from bench.devices.transport.transport import Runs

ASK_S = 60.0
# In the order in which pip reads them, the variables last; files end with NUL.
READ = """
for file in /etc/pip.conf "$HOME/.pip/pip.conf" "${XDG_CONFIG_HOME:-$HOME/.config}/pip/pip.conf" \\
        "$PIP_CONFIG_FILE"; do
    printf '\\0'
    [ ! -f "$file" ] || cat "$file"
done
printf '\\0[global]\\nindex-url = %s\\nextra-index-url = %s\\n\\0' \\
    "$PIP_INDEX_URL" "$PIP_EXTRA_INDEX_URL"
"""
SETTING = re.compile(r"(extra[-_])?index[-_]url")
# Without a password, which is the device's own, and no folder of its own.
PUBLIC = re.compile(r"https?://[^@]+")


def device_indexes(transport: Runs) -> list[str]:
    """Addresses of the indexes, each once; none where it is not known."""
    done = transport.run(["sh", "-c", READ], ASK_S)
    found: dict[str, None] = {}
    for text in done.stdout.decode(errors="replace").split("\0")[1:-1]:
        settings = configparser.RawConfigParser(strict=False)
        try:
            settings.read_string(text)
        except configparser.Error:
            continue  # pip there would refuse it, too
        for section in settings.sections():
            for key, value in settings.items(section):
                if SETTING.fullmatch(key):
                    found |= dict.fromkeys(url for url in value.split() if PUBLIC.fullmatch(url))
    return list(found)
