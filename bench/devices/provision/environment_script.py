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

# Each in a process of its own where one fails: that may be an illegal instruction. ONNX Runtime
# would write to the home folder, and to others' servers, what it is used for.
IMPORT = """
import json, os, subprocess, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
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

# What pip installed, with its sizes.
FILES = """
import csv, glob, json, os, shutil, sys, sysconfig
def files():
    for folder in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for record in glob.glob(os.path.join(glob.escape(folder), "*.dist-info", "RECORD")):
            with open(record, newline="", encoding="utf-8") as rows:
                for path, _, size in csv.reader(rows):
                    if size:
                        yield os.path.join(folder, path), int(size)
"""

# All of it is on the card before it has its name: a power cut leaves it whole or not there.
FINISH = (
    FILES
    + """
made, home, text = sys.argv[1:]
shutil.rmtree(os.path.join(made, "tmp"))
with open(os.path.join(made, "made.json"), "w") as file:
    json.dump({"files": len(list(files())), **json.loads(text)}, file)
os.sync()
os.rename(made, home)
os.sync()
"""
)

# Every file that was installed is there, and of its size: as quick as reading their names.
CHECK = (
    FILES
    + """
with open(os.path.join(sys.prefix, "made.json")) as file:
    made = json.load(file)
found = list(files())
if len(found) != made["files"]:
    sys.exit("%d files of %d" % (len(found), made["files"]))
for path, size in found:
    if os.path.getsize(path) != size:
        sys.exit(path + " has not its size")
sys.stdout.write("\\0" + json.dumps(made) + "\\0")
"""
)


def answer(stdout: bytes) -> dict | None:
    """What a script answered; None where it did not."""
    said = stdout.decode(errors="replace").split("\0")
    return json.loads(said[1]) if len(said) == 3 else None
