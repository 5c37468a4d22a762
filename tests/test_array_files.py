"""An .npz of x and y: arrays that are taken, and refusals of others in one line."""

import re
from pathlib import Path

import numpy as np
import pytest

from models.command_line.errors import DeviceError, RequestError
from models.data.dataset import ImageSize, check_disjoint, open_dataset
from models.untrusted_files import free_memory

SIZE = ImageSize(32, 32, 3)
X = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])


def saved(folder, save=np.savez, name="set.npz", **arrays):
    path = folder / name
    save(path, **arrays)
    return str(path)


def pixels(data):
    return np.stack([image for _, image in data.images(range(len(data)))])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64", ">f4"])
def test_stored_and_compressed_arrays_come_back_as_saved(tmp_path, save, dtype):
    data = open_dataset(saved(tmp_path, save, x=X.astype(dtype), y=Y), "DATA", SIZE, 3)
    assert np.array_equal(pixels(data), X)
    assert pixels(data).dtype == ("uint8" if dtype == "uint8" else "float32")
    assert data.labels.tolist() == Y.tolist() and data.labels.dtype == np.int64


@pytest.mark.parametrize("shape", [(6, 32, 32), (6, 32, 32, 1)])
def test_grey_arrays_are_repeated_to_the_channels_of_the_model(tmp_path, shape):
    grey = X[..., :1].reshape(shape)
    data = open_dataset(saved(tmp_path, x=grey, y=Y), "DATA", SIZE, 3)
    assert np.array_equal(pixels(data), np.repeat(X[..., :1], 3, axis=3))
    assert "repeated to 3" in data.decoder
    alone = open_dataset(data.name, "DATA", ImageSize(32, 32, 1), 3)
    assert np.array_equal(pixels(alone), X[..., :1])


def test_square_arrays_are_resized_as_a_whole(tmp_path):
    data = open_dataset(saved(tmp_path, x=X, y=Y), "DATA", ImageSize(64, 64, 3), 3)
    assert pixels(data).shape == (6, 64, 64, 3)
    assert abs(pixels(data).mean() - X.mean()) < 2
    assert "whole frame 32x32 to 64x64" in data.decoder


def test_labels_may_be_missing_to_calibrate_and_one_output_tells_two_classes(tmp_path):
    calibration = open_dataset(saved(tmp_path, x=X), "CALIB", SIZE, 3)
    assert calibration.labels.tolist() == [0] * 6
    binary = saved(tmp_path, x=X, y=Y % 2)
    assert open_dataset(binary, "DATA", SIZE, 1).labels.max() == 1


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_a_model_of_other_channels_reads_arrays_of_as_many(tmp_path, channels):
    x = np.random.default_rng(1).integers(0, 256, (6, 32, 32, channels), np.uint8)
    size = ImageSize(32, 32, channels)
    data = open_dataset(saved(tmp_path, x=x, y=Y), "DATA", size, 3)
    assert np.array_equal(pixels(data), x)
    assert pixels(open_dataset(data.name, "DATA", ImageSize(64, 64, channels), 3)).shape == (
        6, 64, 64, channels
    )  # fmt: skip
    for other in (X, X[..., 0]):
        with pytest.raises(RequestError, match=rf"but the model reads {channels}; expected \[n"):
            open_dataset(saved(tmp_path, name="other.npz", x=other, y=Y), "DATA", size, 3)


def test_where_labels_do_not_matter_there_may_be_any(tmp_path):
    for y in (Y + 100, Y + 0.5, np.eye(6), None):
        arrays = {"x": X} if y is None else {"x": X, "y": y}
        for role in ("DATA", "CALIB"):
            assert len(open_dataset(saved(tmp_path, **arrays), role, SIZE, None).labels) == 6


def with_value(value):
    x = X.astype(np.float32)
    x[4, 3, 2, 1] = value
    return x


BAD = {
    "no x": (dict(images=X, y=Y), "no array x (it has images, y); expected x (images) and y"),
    "no y": (dict(x=X), "no array y (it has x)"),
    "rank 2": (dict(x=X[:, 0, :, 0], y=Y), "shape [6, 32]; expected [n, height, width]"),
    "rank 5": (dict(x=X[None], y=Y), "shape [1, 6, 32, 32, 3]; expected"),
    "4 channels": (dict(x=X[..., [0, 1, 2, 0]], y=Y), "shape [6, 32, 32, 4]; expected"),
    "channels first": (dict(x=X.transpose(0, 3, 1, 2).copy(), y=Y), "channels first"),
    "int64 x": (dict(x=X.astype(int), y=Y), "int64; expected uint8 or float"),
    "text x": (dict(x=X.astype(str), y=Y), "expected uint8 or float"),
    "pickled x": (
        dict(x=np.array([X[0].tolist(), None], object), y=Y[:2]),
        "pickled Python objects",
    ),
    "pickled y": (dict(x=X, y=Y.astype(object)), "pickled Python objects"),
    "no image": (dict(x=X[:0], y=Y[:0]), "no image (shape [0, 32, 32, 3])"),
    "one pixel": (dict(x=X[:, :1, :1], y=Y), "1x1 pixels; expected at least 8"),
    "not square": (dict(x=X[:, :16], y=Y), "16x32 pixels but the model reads 32x32"),
    "NaN": (dict(x=with_value(np.nan), y=Y), "NaN or infinity in image 4"),
    "infinity": (dict(x=with_value(-np.inf), y=Y), "NaN or infinity in image 4"),
    "above 255": (dict(x=with_value(300), y=Y), "to 300; expected pixels in 0..255"),
    "negative x": (dict(x=X / 127.5 - 1, y=Y), "values from -1 to 1; expected pixels in 0..255"),
    "scaled x": (dict(x=X / 255.0, y=Y), "up to only 1, so it looks scaled"),
    "too few labels": (dict(x=X, y=Y[:5]), "5 labels for 6 images"),
    "column y": (dict(x=X, y=Y[:, None]), "shape [6, 1]; expected [6]"),
    "float y": (dict(x=X, y=Y + 0.5), "float64; expected integers"),
    "negative label": (dict(x=X, y=Y - 1), "label -1 (image 0); expected 0 to 2"),
    "label too high": (dict(x=X, y=Y + 1), "label 3 (image 2); expected 0 to 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_array_file_is_refused_in_one_line(tmp_path, case):
    arrays, message = BAD[case]
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        open_dataset(saved(tmp_path, **arrays), "DATA", SIZE, 3)
    assert "\n" not in str(caught.value)


def test_colour_for_a_grey_model_is_refused(tmp_path):
    with pytest.raises(RequestError, match="3 channels but the model reads 1"):
        open_dataset(saved(tmp_path, x=X, y=Y), "DATA", ImageSize(32, 32, 1), 3)


def damaged_copies(path):
    content = Path(path).read_bytes()
    middle = len(content) // 2
    yield "text", b"x,y\n1,2\n" * 50
    yield "cut short", content[:middle]
    yield "flipped bytes", content[:middle] + bytes(64) + content[middle + 64 :]


def test_a_damaged_array_file_is_refused_in_one_line(tmp_path):
    whole = saved(tmp_path, np.savez_compressed, x=X, y=Y)
    for case, content in damaged_copies(whole):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(RequestError, match=r"not an \.npz|damaged") as caught:
            open_dataset(str(tmp_path / "bad.npz"), "DATA", SIZE, 3)
        assert "\n" not in str(caught.value), case


def test_the_same_pixels_in_two_arrays_overlap_whatever_their_type(tmp_path):
    data = open_dataset(saved(tmp_path, x=X, y=Y), "DATA", SIZE, 3)
    calib = open_dataset(
        saved(tmp_path, name="c.npz", x=np.stack([255 - X[0], X[3]]) * 1.0), "CALIB", SIZE, 3
    )
    with pytest.raises(RequestError, match=r"c\.npz\[1\] of CALIB is also in DATA.*set\.npz\[3\]"):
        check_disjoint(calib, [0, 1], data, range(6))
    check_disjoint(calib, [0], data, range(6))
    check_disjoint(calib, [0, 1], data, [0, 1, 2, 4, 5])


def test_an_array_of_fortran_order_is_the_same_array(tmp_path):
    data = open_dataset(saved(tmp_path, x=np.asfortranarray(X), y=Y), "DATA", SIZE, 3)
    assert np.array_equal(pixels(data), X)


def test_a_single_array_is_no_npz(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(RequestError, match=r"x\.npz is not an \.npz file"):
        open_dataset(str(tmp_path / "x.npz"), "DATA", SIZE, 3)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_array_that_memory_cannot_hold_is_refused_before_it_is_read(tmp_path, monkeypatch, save):
    facts = tmp_path / "meminfo"
    monkeypatch.setattr(free_memory, "FACTS", facts)
    path = saved(tmp_path, save, x=X, y=Y)
    facts.write_text("MemTotal: 9999999 kB\nMemAvailable:         17 kB\n")
    with pytest.raises(
        DeviceError, match=r"x in .*MB are free.*a folder of class folders, which is"
    ):
        open_dataset(path, "DATA", SIZE, 3)
    facts.write_text("MemTotal: 9999999 kB\nMemAvailable:         19 kB\n")  # x takes 18,560 bytes
    assert len(open_dataset(path, "DATA", SIZE, 3)) == 6
