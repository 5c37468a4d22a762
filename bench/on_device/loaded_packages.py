"""The packages that the runner has loaded, held against those that were put there for it."""

import json
import os
import re
import sys

from bench.on_device.job_error import JobError
from quantize.runtime.names import installed_version

# Of a folder of packages that provisioning made: what it put there.
MADE = "made.json"


def check_loaded(folders):
    """JobError where a package was loaded that is not the one of ``folders``, or of another version
    than was put there. A folder that does not say what was put there is not asked."""
    for folder in folders:
        if not os.path.isfile(os.path.join(folder, MADE)):
            continue
        with open(os.path.join(folder, MADE)) as file:
            versions = json.load(file)["versions"]
        for package, version in versions.items():
            module = sys.modules.get(package.replace("-", "_"))
            if module is not None:
                check_package(package, version, module, folder)


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
