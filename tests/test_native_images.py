"""Images in the native runner: the same bytes as in bench/on_device/classify.py."""

import io
import itertools
import os

import numpy as np
import pytest
from native_probe import probe

from bench.on_device.classify import classify
from bench.on_device.job_error import JobError
from quantize.runtime.model_session import Tensor

SIDE = 3
SHAPE = (1, SIDE, SIDE, 2)
PIXELS = ("u1", "<f4")  # of shards
OTHERS = ("<u2", ">u2", "i1", "<i4", "<i8", "<f2", ">f4", "<f8", "?", "<c8", np.longdouble)
FED = ("int8", "uint8", "int16", "float32")


class Echo:
    """A file that answers what it is fed."""

    def __init__(self, dtype, shape=SHAPE):
        self.inputs = self.outputs = (Tensor("image", shape, np.dtype(dtype), None),)

    def feed(self, tensor):
        self.tensor = np.array(tensor)

    def run(self):
        pass

    def output(self, number):
        return self.tensor


def images(shards, outputs, scale=1 / 127.5, offset=-1.0, input_of=(0.013, -3), output_of=(0.5, 7)):
    return {
        "shards": [str(path) for path in shards],
        "outputs": [str(path) for path in outputs],
        "scale": scale,
        "offset": offset,
        "input_scale": input_of[0],
        "input_zero_point": input_of[1],
        "output_scale": output_of[0],
        "output_zero_point": output_of[1],
    }


def native(dtype, of_images, shape=SHAPE):
    return probe("images", asked={"dtype": dtype, "shape": list(shape), "images": of_images})


def by_python(dtype, of_images, shape=SHAPE):
    """As the native probe answers, from the Python runner."""
    made, result = {"classified": [], "error": None}, {"images": 0}
    try:
        tell = lambda event: made["classified"].append(event["shards"])  # noqa: E731
        classify(Echo(dtype, shape), of_images, result, tell)
    except JobError as error:
        made["error"] = {"kind": error.kind, "message": str(error)}
    return {**made, **result}


def compared(tmp_path, dtype, shards, **how):
    """The arrays that both wrote, byte for byte the same."""
    native_paths = [tmp_path / f"native{number}.npy" for number in range(len(shards))]
    python_paths = [tmp_path / f"python{number}.npy" for number in range(len(shards))]
    with np.errstate(all="ignore"):
        expected = by_python(dtype, images(shards, python_paths, **how))
    assert native(dtype, images(shards, native_paths, **how)) == expected
    assert expected["error"] is None
    for our, their in zip(native_paths, python_paths, strict=True):
        assert our.read_bytes() == their.read_bytes(), (dtype, np.load(our), np.load(their))
    assert not list(tmp_path.glob("*.part"))
    return [np.load(path) for path in native_paths]


def pixels(dtype, n=5):
    """Values of images, over their whole range."""
    random, dtype = np.random.default_rng(3), np.dtype(dtype)
    some = random.integers(0, 256, (n, *SHAPE[1:])).astype(np.float64)
    if dtype.kind == "f":
        return (some / 17 - 4).astype(dtype)
    some[0].flat[:2] = 0, 255
    return some.astype(dtype)


@pytest.mark.parametrize("dtype", PIXELS, ids=str)
def test_pixels_are_read_as_numpy_reads_them(tmp_path, dtype):
    np.save(tmp_path / "shard.npy", pixels(dtype))
    (found,) = compared(tmp_path, "float32", [tmp_path / "shard.npy"], scale=0.1, offset=0.3)
    assert found.shape == (5, SIDE * SIDE * 2) and len(np.unique(found)) > 20


@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_pixels_of_another_type_are_refused_with_the_same_words(tmp_path, dtype):
    np.save(tmp_path / "shard.npy", np.zeros((5, *SHAPE[1:]), dtype))
    refused(tmp_path, f"its elements are {np.dtype(dtype).str}; expected |u1 (uint8) or <f4")


def test_pixels_in_fortran_order_are_refused_with_the_same_words(tmp_path):
    np.save(tmp_path / "shard.npy", np.asfortranarray(pixels("u1")))
    refused(tmp_path, "it is in Fortran order; expected C order")


def refused(tmp_path, words):
    """The shard is bad input to both runners, with the same message that has ``words`` in it."""
    asked = images([tmp_path / "shard.npy"], [tmp_path / "out.npy"])
    answer = native("float32", asked)
    assert answer == by_python("float32", asked)
    assert answer["error"]["kind"] == "bad_input" and words in answer["error"]["message"]
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize("dtype", FED)
def test_every_type_of_input_and_output_has_the_same_bits(tmp_path, dtype):
    np.save(tmp_path / "shard.npy", pixels("u1"))
    differing = set()
    scales = ((1 / 127.5, -1.0, 0.013), (1.0, 0.0, 2.0), (1.7, -2.1, 1.71))
    for (scale, offset, step), zero_point in itertools.product(scales, (0, -3, 128)):
        how = {"scale": scale, "offset": offset, "input_of": (step, zero_point)}
        (found,) = compared(tmp_path, dtype, [tmp_path / "shard.npy"], **how)
        differing.add(len(np.unique(found)))
    assert max(differing) > 20


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_what_the_type_cannot_hold_is_clipped(tmp_path, dtype):
    shard = np.linspace(-1e6, 1e6, SIDE * SIDE * 2, dtype=np.float32).reshape(SHAPE)
    np.save(tmp_path / "shard.npy", shard)
    how = {"scale": 1.0, "offset": 0.0, "input_of": (0.01, 0), "output_of": (1.0, 0)}
    (found,) = compared(tmp_path, dtype, [tmp_path / "shard.npy"], **how)
    assert {found.min(), found.max()} == {float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)}


def test_halves_go_to_the_even_step(tmp_path):
    shard = np.arange(SIDE * SIDE * 2, dtype=np.float32).reshape(SHAPE) - 8.5
    np.save(tmp_path / "shard.npy", shard)
    how = {"scale": 1.0, "offset": 0.0, "input_of": (1.0, 0), "output_of": (1.0, 0)}
    (found,) = compared(tmp_path, "int8", [tmp_path / "shard.npy"], **how)
    assert found[0, :4].tolist() == [-8, -8, -6, -6]


def test_shards_are_told_one_by_one_and_an_empty_one_is_written_too(tmp_path):
    shards = [tmp_path / f"{number}.npy" for number in range(3)]
    for path, n in zip(shards, (4, 0, 1), strict=True):
        np.save(path, pixels("u1", 5)[:n])
    found = compared(tmp_path, "float32", shards)
    assert [array.shape for array in found] == [(4, 18), (0, 0), (1, 18)]


def header(text, version=(1, 0), length=None):
    """A .npy file with that header, and a kilobyte of data."""
    raw = text.encode()
    length = len(raw) if length is None else length
    size = length.to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + raw + bytes(1024)


def described(shape="(2, 3, 3, 2)", descr="'|u1'", fortran="False", more=""):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, {more}}}\n"


def test_a_header_as_numpy_writes_it_is_read(tmp_path):
    for number, text in enumerate((described(), described().replace("\n", " " * 30 + "\n"))):
        (tmp_path / f"{number}.npy").write_bytes(header(text))
        asked = images([tmp_path / f"{number}.npy"], [tmp_path / "out.npy"])
        assert native("float32", asked)["images"] == 2


BROKEN = {
    "empty": b"",
    "no array": b"PK\x03\x04" + bytes(100),
    "only the magic": b"\x93NUMPY",
    "version 2": header(described(), (2, 0)),
    "length beyond the end": header(described(), length=60000),
    "length too short": header(described(), length=20),
    "no dictionary": header("[1, 2]"),
    "open dictionary": header("{'descr': '|u1', "),
    "open text": header("{'descr"),
    "missing key": header("{'descr': '|u1', 'shape': (2, 3, 3, 2), }"),
    "other quotes": header(described().replace("'", '"')),
    "another key": header(described(more="'x': 1, ")),
    "more after it": header(described() + "1"),
    "negative": header(described("(-1, 3, 3, 2)")),
    "overflow": header(described("(4611686018427387904, 3, 3, 2)")),
    "beyond 64 bits": header(described("(99999999999999999999, 3, 3, 2)")),
    "no sizes": header(described("(2, 3, 3, 'x')")),
    "a list": header(described("[2, 3, 3, 2]")),
    "truncated": header(described("(2000, 3, 3, 2)")),
    "pickle": header(described(descr="'|O'")),
    "structure": header(described(descr="[('x', '<f4')]")),
    "texts": header(described(descr="'<U1'")),
    "odd size": header(described(descr="'<f3'")),
    "booleans": header(described(descr="'|b1'")),
    "complex": header(described(descr="'<c8'")),
    "fortran": header(described(fortran="True")),
    "fortran order as a word": header(described(fortran="Maybe")),
    "three axes": header(described("(2, 3, 6)")),
    "no axes": header(described("()")),
    "another size": header(described("(2, 2, 3, 3)")),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_is_no_shard_is_bad_input(tmp_path, content):
    (tmp_path / "shard.npy").write_bytes(content)
    found = native("float32", images([tmp_path / "shard.npy"], [tmp_path / "out.npy"]))
    assert found["error"]["kind"] == "bad_input" and found["images"] == 0, found
    assert "\n" not in found["error"]["message"] and not (tmp_path / "out.npy").exists()


def test_any_damage_to_a_header_ends_in_an_answer(tmp_path):
    file = io.BytesIO()
    np.save(file, pixels("u1", 2))
    whole, random = bytearray(file.getvalue()), np.random.default_rng(0)
    shards = []
    for number in range(100):
        damaged = bytearray(whole)
        for at in random.integers(0, 128, random.integers(1, 4)):
            damaged[at] = random.integers(0, 256)
        shards.append(tmp_path / f"{number}.npy")
        shards[-1].write_bytes(damaged[: random.integers(0, len(whole))] if number % 5 else damaged)
    errors = [native("float32", images([path], [tmp_path / "out.npy"]))["error"] for path in shards]
    assert {error["kind"] for error in errors if error} == {"bad_input"}


@pytest.mark.parametrize("shard", ["nowhere.npy", ".", "pipe"])
def test_what_cannot_be_read_is_named(tmp_path, shard):
    os.mkfifo(tmp_path / "pipe")
    found = native("float32", images([tmp_path / shard], [tmp_path / "out.npy"]))
    assert found["error"]["kind"] == "bad_input" and str(tmp_path) in found["error"]["message"]


def test_the_same_is_reported_of_other_images_and_of_missing_quantization(tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((2, 4, 4, 3), np.uint8))
    np.save(tmp_path / "shard.npy", pixels("u1"))
    out = [tmp_path / "out.npy"]
    for shard, how in (
        ("other", {}),
        ("shard", {"input_of": (None, 0)}),
        ("shard", {"input_of": (0.0, 0)}),
        ("shard", {"output_of": (0.5, None)}),
    ):
        asked = images([tmp_path / f"{shard}.npy"], out, **how)
        expected = by_python("int8", asked)
        assert expected["error"] and native("int8", asked) == expected


def test_outputs_are_written_whole_or_not_at_all(tmp_path):
    np.save(tmp_path / "shard.npy", pixels("u1"))
    (tmp_path / "taken.npy").mkdir()
    for out in ("nowhere/out.npy", "taken.npy"):
        found = native("float32", images([tmp_path / "shard.npy"], [tmp_path / out]))
        assert found["error"]["kind"] == "runtime_failed" and found["classified"] == []
    assert not list(tmp_path.glob("*.part"))
