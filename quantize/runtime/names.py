"""Names of the runtimes, by the format that they read, and of the packages that bring them."""

from importlib import metadata

# Those that a Python process opens; the first of each format is the one that files are made for.
IN_PYTHON = {"tflite": ("litert", "litert-builtin", "tflite-runtime"), "onnx": ("onnxruntime",)}
# LiteRT with an accelerator, which its C API offers: the native runner has these.
ACCELERATED = ("litert-gpu", "litert-npu")
RUNTIMES = {"tflite": (*IN_PYTHON["tflite"], *ACCELERATED), "onnx": IN_PYTHON["onnx"]}
PACKAGE_OF = {
    "litert": "ai-edge-litert",
    "litert-builtin": "ai-edge-litert",
    "tflite-runtime": "tflite-runtime",
    "onnxruntime": "onnxruntime",
}
PACKAGES = (*dict.fromkeys(PACKAGE_OF.values()), "numpy")


def installed_version(package):
    """Version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
