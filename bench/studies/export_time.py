"""Our export against the usual sequence: ``python -m bench.studies.export_time`` prints the ratio.

Both make the same six files of one network (float32, float16 and int8, TFLite and ONNX) in fresh
processes, in turns. The usual sequence is what the tools' own documentation shows: one conversion
for each file, each from the Keras model. Ours also verifies every file, which the other does not.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from models.command_line.advice import module_line
from models.command_line.child_python import module_command

CALIBRATION_IMAGES = 128


def usual_sequence(arch: str, alpha: float, resolution: int, folder: Path) -> None:
    """Six conversions, one after another."""
    import numpy as np
    import tensorflow as tf
    import tf2onnx
    from onnxruntime import quantization
    from onnxruntime.transformers.float16 import convert_float_to_float16

    from models.data.dataset import open_dataset
    from models.data.image_source import ImageSize
    from models.data.preprocessing import preprocessed
    from models.networks import registry
    from models.networks.spec import ModelSpec, Preprocess
    from models.weights import random_weights

    model = registry.build(ModelSpec(arch, alpha, resolution))
    random_weights.fill(model)
    dataset = open_dataset("demo", "CALIB", ImageSize(resolution, resolution, 3), None)
    chosen = dataset.spread(CALIBRATION_IMAGES)
    images = [preprocessed(x, Preprocess())[None] for _, x in dataset.images(chosen)]

    def tflite(name, configure):
        saved = folder / f"saved-{name}"
        signature = [tf.TensorSpec((1, resolution, resolution, 3), tf.float32, name="image")]
        model.export(saved, input_signature=signature, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        configure(converter)
        (folder / f"{name}.tflite").write_bytes(converter.convert())

    def float16(converter):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]

    def int8(converter):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8

    tflite("float32", lambda converter: None)
    tflite("float16", float16)
    tflite("int8", int8)

    spec = tf.TensorSpec((1, resolution, resolution, 3), tf.float32, name="image")
    function = tf.function(lambda image: model(image, training=False), input_signature=[spec])
    float32, _ = tf2onnx.convert.from_function(
        function, [spec], opset=17, output_path=str(folder / "float32.onnx")
    )
    halved = convert_float_to_float16(float32, keep_io_types=True)
    (folder / "float16.onnx").write_bytes(halved.SerializeToString())

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(images)

        def get_next(self):
            image = next(self.left, None)
            return None if image is None else {"image": np.asarray(image)}

    quantization.quantize_static(
        str(folder / "float32.onnx"), str(folder / "int8.onnx"), Reader(), per_channel=True
    )


def timed(command: list[str]) -> float:
    """Wall seconds of a process that must succeed; what it says is shown only if it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog=module_line("bench.studies.export_time"), description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--arch", default="v2")
    parser.add_argument("--alpha", type=float, default=1.0)
    parser.add_argument("--res", type=int, default=224)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--usual-into", type=Path, help=argparse.SUPPRESS)  # the child's half
    args = parser.parse_args(argv)
    if args.usual_into:
        usual_sequence(args.arch, args.alpha, args.res, args.usual_into)
        return 0
    import resource  # of Linux and macOS

    network = ["--arch", args.arch, "--alpha", str(args.alpha), "--res", str(args.res)]
    ours, usual = [], []
    for run in range(args.runs):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(
                timed(module_command("export", *network, "--weights", "random",
                       "--n-calib", str(CALIBRATION_IMAGES), "--out", folder))
            )  # fmt: skip
        if run == 0:
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        with tempfile.TemporaryDirectory() as folder:
            command = module_command("bench.studies.export_time", *network)
            usual.append(timed([*command, "--usual-into", folder]))
        print(
            f"run {run + 1}: ours {ours[-1]:.1f} s, usual {usual[-1]:.1f} s, "
            f"ratio {ours[-1] / usual[-1]:.2f}"
        )
    ratio = statistics.median(a / b for a, b in zip(ours, usual, strict=True))
    print(
        f"{args.arch} alpha {args.alpha:g} at {args.res}: median of {args.runs}: "
        f"ours {statistics.median(ours):.1f} s, usual {statistics.median(usual):.1f} s, "
        f"ratio {ratio:.2f}; our largest process {peak:.2f} GiB"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
