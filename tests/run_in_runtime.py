"""A script for any Python from 3.9 on: the outputs of files in the runtimes that it has.

``python run_in_runtime.py ROOT IMAGES.npy TARGET.npz FILE...`` with our sources in ROOT; IMAGES is
float32 [n, h, w, c]. TARGET gets an array for each file by its path.
"""

import sys

root, images, target, *files = sys.argv[1:]
sys.path.insert(0, root)

import numpy as np  # noqa: E402

from quantize.runtime.model_session import open_session  # noqa: E402


def outputs(path, pixels):
    session = open_session("onnxruntime" if path.endswith(".onnx") else "litert", path)
    given, found = session.inputs[0], []
    for image in pixels:
        if given.dtype == np.int8:
            image = np.clip(np.round(image * 127), -128, 127).astype(np.int8)
        session.feed(image[None])
        session.run()
        found.append(np.asarray(session.output(0), np.float32).ravel())
    return np.stack(found)


np.savez(target, **{path: outputs(path, np.load(images)) for path in files})
