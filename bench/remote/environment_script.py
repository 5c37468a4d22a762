"""What runs on a device to make a virtual environment there, and to see whether it is whole.

Answers are JSON between two NULs, since a shell's start-up files may print what they like.
"""

import json

# Begin: one that was not finished goes, whosever it was; the device is locked.
BEGIN = """
rm -rf "$2"/*.new.* "$3" && mkdir -p "$2" && "$1" -I -m venv --without-pip "$4" && mkdir "$4/tmp"
"""

# A pure wheel, that of pip, is installed by unpacking it; pip out of a wheel is slow to start.
UNPACK = """
import sys, sysconfig, zipfile
zipfile.ZipFile(sys.argv[1]).extractall(sysconfig.get_path("purelib"))
"""

# Each in a process of its own where one fails: that may be an illegal instruction.
IMPORT = """
import json, subprocess, sys
def failure(modules):
    command = [sys.executable, "-I", "-c", "import " + ", ".join(modules)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not done.returncode:
        return None
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said and done.returncode > 0 else "signal %d" % -done.returncode
modules = sys.argv[1:]
failed = {}
if failure(modules):
    failed = {m: why for m in modules for why in [failure([m])] if why}
sys.stdout.write("\\0" + json.dumps(failed) + "\\0")
"""

# All of it is on the card before it has its name: a power cut leaves it whole or not there.
FINISH = """
import os, shutil, sys
made, home, text = sys.argv[1:]
shutil.rmtree(os.path.join(made, "tmp"))
with open(os.path.join(made, "made.json"), "w") as file:
    file.write(text)
os.sync()
os.rename(made, home)
os.sync()
"""

# Every file that was installed is there, and of its size.
CHECK = """
import importlib.metadata, os, sys
for package in importlib.metadata.distributions():
    for file in package.files or ():
        if file.size is not None and os.path.getsize(package.locate_file(file)) != file.size:
            sys.exit("%s has not its size" % file)
with open(os.path.join(sys.prefix, "made.json")) as file:
    sys.stdout.write("\\0" + file.read() + "\\0")
"""


def answer(stdout: bytes) -> dict | None:
    """What a script answered; None where it did not."""
    said = stdout.decode(errors="replace").split("\0")
    return json.loads(said[1]) if len(said) == 3 else None
