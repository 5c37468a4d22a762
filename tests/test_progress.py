"""Progress display: steps of several threads, in a terminal and elsewhere."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time

from commands import ROOT

from models.command_line.progress import note, step

LIVE = """
import threading, time
from bench.console.output import Output
from models.command_line.progress import note, step

def work(name, rounds):
    with step(name) as show:
        for n in range(rounds):
            show("round", n, rounds)
            time.sleep(0.02)

threads = [threading.Thread(target=work, args=(f"pi{k}", 20 + 10 * k)) for k in range(3)]
for thread in threads:
    thread.start()
for n in range(8):
    time.sleep(0.05)
    Output(False).say(f"result {n}")
note("a line that stays")
for thread in threads:
    thread.join()
print("end")
"""
CONTROL = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


def screen(written):
    """Final screen of a terminal that got ``written``, as far as rich uses one."""
    rows, at, column, place = [[]], 0, 0, 0
    while place < len(written):
        if found := CONTROL.match(written, place):
            place = found.end()
            if found[2] == "A":
                at -= int(found[1] or 1)
            elif found[2] == "K":
                rows[at] = []
            continue
        letter, place = written[place], place + 1
        if letter == "\r":
            column = 0
        elif letter == "\n":
            at += 1
            rows += [[]] * (at == len(rows))
        else:
            rows[at] += [" "] * (column + 1 - len(rows[at]))
            rows[at][column], column = letter, column + 1
    return [line for row in rows if (line := "".join(row).rstrip())]


def test_on_a_terminal_results_stay_and_live_lines_go():
    controller, terminal = pty.openpty()
    known = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", LIVE], stdout=terminal, stderr=terminal, env=known
    )
    os.close(terminal)
    written = b""
    while True:
        try:
            written += os.read(controller, 65536)
        except OSError:  # the other end is closed
            break
    os.close(controller)
    assert process.wait(30) == 0
    shown = written.decode()
    assert all(f"pi{k}: round" in shown for k in range(3))
    results = [f"result {n}" for n in range(8)]
    assert screen(shown) == [*results, "note: a line that stays", "end"]


class Yielding(io.StringIO):
    """Lets another thread write after each piece."""

    def write(self, text):
        written = super().write(text)
        time.sleep(1e-5)
        return written


def test_elsewhere_lines_of_several_threads_stay_whole(monkeypatch):
    stream = Yielding()
    monkeypatch.setattr(sys, "stderr", stream)

    def work(name):
        with step(name) as show:
            for n in range(1, 201):
                show("image", n, 200)

    threads = [threading.Thread(target=work, args=(f"pi{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    note("done")
    lines = stream.getvalue().splitlines()
    whole = {f"pi{k}: image {n} of 200" for k in range(4) for n in range(1, 201)}
    assert len(lines) == 801 and set(lines) == {*whole, "note: done"}
