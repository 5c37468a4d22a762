"""Files are judged by what their arithmetic explains."""

import numpy as np
import pytest

from export.artifact import Artifact
from export.judge import Judge, lost_predictions
from export.limits import Limits, read_limits
from export.loading import Trial
from models.command_line.errors import RequestError
from models.data.image_source import ImageSize
from models.network import Network
from models.networks.input_scaling import SIGNED, InputScaling
from models.networks.output_tensor import row_of
from quantize.evaluate.output_comparison import compare

RANDOM = np.random.default_rng(5)
NETWORK = Network(None, ImageSize(8, 8, 3), row_of("softmax", 10), InputScaling(SIGNED, ""))
KERAS = RANDOM.dirichlet(np.ones(10), 64).astype(np.float32)


def off_by(error, reference=KERAS):
    """Outputs that differ from ``reference`` by ``error`` of its largest value somewhere."""
    outputs = reference.copy()
    outputs[3, 4] += error * reference.max()
    return outputs


def noisy(decibels, reference=KERAS, seed=1):
    """Outputs with that signal-to-noise ratio."""
    noise = np.random.default_rng(seed).normal(size=reference.shape)
    noise *= np.linalg.norm(reference) / np.linalg.norm(noise) * 10 ** (-decibels / 20)
    return (reference + noise).astype(np.float32)


def never():
    raise AssertionError("measured where nothing was in doubt")


def fault(name, outputs, half=KERAS, rounding=never, judge=None):
    scheme, form = name.split(".")
    found = None if outputs is None else compare(KERAS, outputs, "softmax")
    artifact = Artifact(
        name, form, scheme, "", 0, (), (), {}, found,
        {"litert": "it broke", "onnxruntime": "it broke"},
    )  # fmt: skip
    judge = judge or Judge(
        KERAS, NETWORK, Limits(), {f: Trial("ok", half) for f in ("tflite", "onnx")}, rounding
    )
    trial = Trial("it broke" if outputs is None else "ok", outputs)
    return judge.fault(artifact, {"litert": trial, "onnxruntime": trial})


def test_a_float32_file_as_near_as_nearly_all_are_is_right_without_a_measurement():
    assert fault("float32.onnx", off_by(9e-5)) is None


def test_a_float32_file_is_right_where_rounding_explains_its_error_and_a_warning_tells():
    judge = Judge(KERAS, NETWORK, Limits(), {}, lambda: 1e-4)
    assert fault("float32.tflite", off_by(3.3e-4), judge=judge) is None
    assert judge.warnings == [
        "float32.tflite differs from Keras by 3.3e-04 of the largest output, as right files of "
        "this network do: float32's rounding alone makes 1.0e-04"
    ]


def test_a_float32_file_with_more_error_than_rounding_makes_is_wrong():
    found = fault("float32.tflite", off_by(3.3e-4), rounding=lambda: 5e-5)
    assert "differs from Keras by 3.3e-04" in found and "explains 5.0e-05" in found


@pytest.mark.parametrize("decibels", [30, 36, 60])
@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_float16_file_is_right_where_its_rounded_weights_explain_its_noise(decibels, form):
    half = noisy(decibels)
    assert fault(f"float16.{form}", half + 1e-6, half) is None


@pytest.mark.parametrize(("explained", "found"), [(36, 20), (60, 45), (76, 66)])
def test_a_float16_file_with_more_noise_than_its_rounded_weights_make_is_wrong(explained, found):
    half, other = noisy(explained), noisy(found, seed=2)
    assert "explains 3" in fault("float16.onnx", other, half, lambda: 1e-6) or explained != 36
    assert fault("float16.onnx", other, half, lambda: 1e-6) is not None
    assert "same rounded weights" in fault("float16.tflite", other, half, lambda: 1e-6)


def test_float16_onnx_may_round_a_little_more_than_the_weights():
    half, other = noisy(60), noisy(56, seed=2)
    assert fault("float16.onnx", other, half, lambda: 1e-6) is None
    assert fault("float16.tflite", other, half, lambda: 1e-6) is not None


def test_a_file_that_does_not_run_is_wrong_whatever_its_precision():
    for name in ("float32.onnx", "int8.tflite", "int8-dynamic.tflite"):
        assert fault(name, None).endswith(": it broke")


def test_integer_files_are_only_asked_to_run():
    assert fault("int8.tflite", noisy(3)) is None


@pytest.mark.parametrize(
    ("scheme", "onnx_db", "tflite_db", "is_right"),
    [
        ("int8", 30, 31, True),
        ("int8", 45, 31, True),
        ("int8", 2, 45, False),
        ("int8-float", 2, 45, False),
        ("int8", 2, 5, True),  # both are bad: the search for a method says so
        ("float32", 2, 45, True),  # judged by its own arithmetic
    ],
)
def test_integers_of_onnx_are_worth_what_those_of_tflite_are(scheme, onnx_db, tflite_db, is_right):
    judge = Judge(KERAS, NETWORK, Limits(), {}, never)
    made = [
        Artifact(
            f"{scheme}.{form}", form, scheme, "", 0, (), (), {}, compare(KERAS, found, "softmax")
        )
        for form, found in (("onnx", noisy(onnx_db)), ("tflite", noisy(tflite_db, seed=2)))
    ]
    found = judge.beside_twin(*made)
    assert (found is None) == is_right
    assert is_right or f"{scheme}.tflite, which has the same integers, 45" in found
    assert judge.beside_twin(made[0], None) is None


def test_lost_predictions_of_float_files_are_told():
    other = KERAS.copy()
    other[:2] = other[:2, ::-1]
    made = [
        Artifact(f"{scheme}.onnx", "onnx", scheme, "", 0, (), (), {}, compare(KERAS, o, "softmax"))
        for scheme, o in (("float32", KERAS), ("float16", other), ("int8", other))
    ]
    assert lost_predictions(made) == [
        "float16.onnx predicts another class than Keras on 2 of 64 images"
    ]


def test_limits_stand_in_export_toml(tmp_path, request):
    assert read_limits(tmp_path) == Limits() == read_limits(request.config.rootpath)
    path = tmp_path / "export.toml"
    path.write_text("[int8]\nmin_sqnr_db = 20\n[verification]\nrounding_factor = 8\n")
    assert read_limits(tmp_path) == Limits(rounding_factor=8.0)
    path.write_text("[verification]\nrounding = 8\n")
    with pytest.raises(RequestError, match=r"verification\.rounding; expected some of: max_f"):
        read_limits(tmp_path)
    path.write_text("[verification]\nmax_float32_error = -1\n")
    with pytest.raises(RequestError, match="expected a number from 0 to 1"):
        read_limits(tmp_path)
