"""The packages that the runner has loaded, held against those that were put there for it."""

import json
import os
import re
import sys

from bench.on_device.job_error import JobError
from bench.on_device.system_files import read_text
from quantize.runtime.names import PACKAGES, installed_version

# Of a folder of packages that provisioning made: what it put there.
MADE = "made.json"


def check_loaded(folders):
    """JobError where a package was loaded that is not the one of ``folders``, or of another version
    than was put there, or a library that is not the package's own. A folder that does not say what
    was put there is not asked."""
    for folder in folders:
        if not os.path.isfile(os.path.join(folder, MADE)):
            continue
        with open(os.path.join(folder, MADE)) as file:
            versions = json.load(file)["versions"]
        for package, version in versions.items():
            module = sys.modules.get(package.replace("-", "_"))
            if module is not None:
                check_package(package, version, module, folder)
    for package in PACKAGES:
        module = sys.modules.get(package.replace("-", "_"))
        if module is not None:
            check_libraries(package, next(iter(module.__path__)), mapped_libraries())


def check_package(package, version, module, folder):
    """JobError unless ``module`` is of ``version``, as far as it tells, and in ``folder``."""
    found = getattr(module, "__version__", None) or installed_version(package) or version
    place = os.path.dirname(next(iter(module.__path__)))
    # A module may leave out what a package's version ends with, e.g. ".post1".
    is_same = re.match(re.escape(found) + r"(?![0-9])", version)
    if not is_same or place != folder:
        raise JobError(
            "missing_runtime",
            f"{package} {found} of {place} was loaded, where {version} of {folder} was put for it; "
            "remove both there, or run make device-clean, and run it again",
        )


def check_libraries(package, place, mapped):
    """JobError unless each of the libraries ``mapped`` that bears the name of one in the folder
    ``place`` of ``package`` is that one: the loader looks where LD_LIBRARY_PATH says first."""
    own = {}
    for folder, _, names in os.walk(place):
        for name in names:
            own.setdefault(name, []).append(os.path.join(folder, name))
    for path in mapped:
        named = own.get(os.path.basename(path), ())
        if named and not any(os.path.samefile(path, each) for each in named):
            raise JobError(
                "missing_runtime",
                f"{path} was loaded where {package}'s own was meant; unset LD_LIBRARY_PATH and "
                "LD_PRELOAD, or remove it",
            )


def mapped_libraries():
    """The paths of the libraries in this process that are there; none where the system does not
    tell."""
    lines = (read_text("/proc/self/maps") or "").splitlines()
    paths = {line.split(None, 5)[-1] for line in lines if ".so" in line}
    return sorted(path for path in paths if os.path.isfile(path))
