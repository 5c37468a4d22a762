"""The versions that the files were made with: library versions and the hash of our own code."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "tensorflow", "keras", "ai-edge-litert", "litert-quantizer", "tflite-runtime",
    "onnx", "onnxruntime", "tf2onnx", "numpy", "pillow",
)  # fmt: skip
PACKAGES = ("models", "quantize", "export")


def library_versions() -> dict[str, str]:
    """Version of each library; "not installed" for one that is missing."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def code_sha256() -> str:
    """SHA-256 (hex) of the modules that decide what is in a file."""
    root = Path(__file__).parent.parent
    whole = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            whole.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()
