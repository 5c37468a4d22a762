"""Wheels of a few lines, under the names of packages that take a network to get."""

import base64
import hashlib
import zipfile

MODULES = {
    "numpy": "numpy/__init__.py",
    "ai-edge-litert": "ai_edge_litert/interpreter.py",
    "tflite-runtime": "tflite_runtime/interpreter.py",
    "onnxruntime": "onnxruntime/__init__.py",
}


def write_wheel(folder, name, version, source="", requires=(), tag="py3-none-any", padding_bytes=0):
    """A wheel of one module, which ``source`` is, beside so many bytes that nobody reads."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {text}" for text in requires]
    module = MODULES.get(name, f"{name}.py")
    contents = {
        module: source,
        f"{stem}.dist-info/METADATA": "\n".join([*lines, ""]),
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    if padding_bytes:
        contents[f"{name}.bin"] = "x" * padding_bytes
    record = [f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in contents.items()]
    contents[f"{stem}.dist-info/RECORD"] = "".join([*record, f"{stem}.dist-info/RECORD,,\n"])
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, text in contents.items():
            wheel.writestr(path, text)
    return folder / f"{stem}-{tag}.whl"


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
