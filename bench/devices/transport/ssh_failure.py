"""Explanation of a failed ssh, from its standard error, with advice."""

import re

# The other end of a command, which has no address.
THROUGH = r"UNKNOWN port 65535"
# The first that fits, most particular first. What OpenSSH says is the same in every language.
REASONS = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "shows a host key different from {known_hosts}; if it was reinstalled, remove that "
        "line and run {ssh}, otherwise the connection may be intercepted",
    ),
    (
        r"Host key verification failed|host key is known for",
        "shows a host key that is not known here; run {ssh} once and compare the fingerprint",
    ),
    (
        r"Permissions \S+ for .* are too open",
        "is not shown your key, which others could read; run chmod 600 on it",
    ),
    (
        r"Permission denied|Too many authentication failures",
        "refuses the login; run {ssh} to see whether it works, ssh-copy-id to install your key, "
        "ssh-add where that asks for a passphrase",
    ),
    (
        r"Could not resolve hostname|Name or service not known",
        "is an unknown host name; is it spelled right, and the device on the network?",
    ),
    (
        r"Connection refused",
        "refuses connections; is SSH on there? (on a Raspberry Pi: sudo raspi-config, Interface "
        "Options, SSH)",
    ),
    (
        r"No route to host|Network is unreachable|Host is down",
        "is not on the network; is it switched on, and its cable or Wi-Fi connected?",
    ),
    (
        r"not connected within",
        "is found, but the login takes too long; run {ssh} to see what it waits for",
    ),
    (
        r"timed out|not responding",
        "does not answer; is it switched on and on this network?",
    ),
    (
        rf"(?s)^.*{THROUGH}",
        "cannot be reached through the ProxyCommand or ProxyJump of ssh's configuration; run {ssh} "
        "to see why",
    ),
    (
        r"Connection (closed|reset) by|kex_exchange_identification|Broken pipe",
        "ended the connection at once; is it still starting? try again, or run {ssh}",
    ),
    (
        r"line \d+: |Bad owner or permissions|Can't open user",
        "cannot be looked up in ssh's configuration",
    ),
)
OTHERWISE = "cannot be reached; run {ssh} to see why"
OFFENDING = r"Offending \S+ key in (.+):(\d+)"


def explained(host: str, ssh: str, output: str) -> str:
    """In one line, why ``host`` cannot be reached; ``ssh`` is what a person would run."""
    output = "\n".join(line.strip() for line in output.splitlines() if line.strip())
    reasons = ((re.search(pattern, output), text) for pattern, text in REASONS)
    match, advice = next((one for one in reasons if one[0]), (None, OTHERWISE))
    found = re.search(OFFENDING, output)
    known_hosts = f"line {found[2]} of {found[1]}" if found else "known_hosts"
    said = _lines_of(match) if match else last_line(output)
    quoted = f" (ssh said: {said})" if said else ""
    return f"{host} {advice.format(known_hosts=known_hosts, ssh=ssh)}{quoted}"


def _lines_of(match: re.Match) -> str:
    """The whole lines of what was found, as one."""
    start = match.string.rfind("\n", 0, match.start()) + 1
    end = match.string.find("\n", match.end())
    return " ".join(match.string[start : end if end >= 0 else None].split())


def last_line(output: str) -> str:
    """The last that is not empty, "" without one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""
