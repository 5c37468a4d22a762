"""Scripts that a device runs to unpack packages into a folder, and to see whether it is whole.

They need the standard library of Python 3.9. Answers are JSON between two NULs, since a shell's
start-up files may print what they like.
"""

import json

# A making that was not finished goes, whosever it was: the device is leased.
BEGIN = 'rm -rf "${1%/*}"/*.new.* "$1" && mkdir -p "$2"'

# Installed is what a wheel has in it, and in purelib and platlib of its .data (PEP 427); its
# scripts and headers are not used. zipfile compares each file with its checksum.
UNPACK = """
import json, os, shutil, sys, zipfile
made, *wheels = sys.argv[1:]
sizes = {}
for wheel in wheels:
    with zipfile.ZipFile(wheel) as packed:
        for entry in packed.infolist():
            parts = entry.filename.split("/")
            if parts[0].endswith(".data"):
                parts = parts[2:] if parts[1] in ("purelib", "platlib") else []
            if entry.is_dir() or not parts:
                continue
            if ".." in parts or not parts[0]:
                sys.exit("%s has a file outside of it: %s" % (wheel, entry.filename))
            name = "/".join(parts)
            target = os.path.join(made, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with packed.open(entry) as source, open(target, "wb") as file:
                shutil.copyfileobj(source, file)
            sizes[name] = entry.file_size
with open(os.path.join(made, "sizes.json"), "w") as file:
    json.dump(sizes, file)
"""

# Each in a process of its own where one fails: that may be an illegal instruction. What a package
# says of a failure may be long and for people who build it; the first error names the reason. ONNX
# Runtime would write to the home folder, and to others' servers, what it is used for.
IMPORT = """
import json, os, subprocess, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
one = '''
import sys
sys.path.insert(1, sys.argv[1])
try:
    for module in sys.argv[2:]:
        __import__(module)
except Exception as error:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    sys.exit("%s: %s" % (type(error).__name__, " ".join(str(error).split())))
'''
folder, *modules = sys.argv[1:]
def failure(modules):
    command = [sys.executable, "-I", "-S", "-c", one, folder, *modules]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not done.returncode:
        return None
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines and done.returncode > 0 else "signal %d" % -done.returncode
failed = {}
if failure(modules):
    failed = {m: why for m in modules for why in [failure([m])] if why}
sys.stdout.write("\\0" + json.dumps(failed) + "\\0")
"""

# All of it is on the disk before it has its name: a power cut leaves it whole or not there.
FINISH = """
import os, sys
made, home, wanted = sys.argv[1:]
if not os.path.isdir(made) and os.path.isdir(home):
    sys.exit()  # the same was done before, and how it ended got lost
with open(os.path.join(made, "made.json"), "w") as file:
    file.write(wanted)
os.sync()
os.rename(made, home)
os.sync()
"""

# Every file that was unpacked is there, and of its size: as quick as reading their names.
CHECK = """
import json, os, sys
home = sys.argv[1]
with open(os.path.join(home, "sizes.json")) as file:
    sizes = json.load(file)
with open(os.path.join(home, "made.json")) as file:
    made = json.load(file)
for name, size in sizes.items():
    if os.path.getsize(os.path.join(home, name)) != size:
        sys.exit(name + " has not its size")
sys.stdout.write("\\0" + json.dumps(made) + "\\0")
"""


def answer(stdout: bytes) -> dict | None:
    """The answer of a script; None where it gave none."""
    parts = stdout.decode(errors="replace").split("\0")
    return json.loads(parts[1]) if len(parts) == 3 else None
