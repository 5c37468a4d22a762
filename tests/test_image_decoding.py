"""Pixels come out as the reference pipelines make them, and bad pictures are refused."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from models.data import image_decoding
from models.data.image_source import ImageSize, UnreadableImage

SIZE = ImageSize(64, 64, 3)


def photograph(height, width, mode="RGB", seed=0):
    """A smooth random picture, so that JPEG and resampling behave as on photographs."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def reference_crop(picture, resolution):
    """Resize(resolution / 0.875) and CenterCrop(resolution) as torchvision does them."""
    side = round(resolution / 0.875)
    width, height = picture.size
    if height <= width:
        height, width = side, int(side * width / height)
    else:
        height, width = int(side * height / width), side
    whole = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    top, left = round((height - resolution) / 2), round((width - resolution) / 2)
    return whole[top : top + resolution, left : left + resolution]


@pytest.mark.parametrize("shape", [(375, 500), (500, 333), (256, 341), (90, 90), (20, 31)])
@pytest.mark.parametrize("resolution", [32, 96, 224])
def test_crop_equals_resizing_the_whole_picture_then_cropping(shape, resolution):
    picture = photograph(*shape)
    size = ImageSize(resolution, resolution, 3)
    decoded = image_decoding.centre_crop(picture, size)
    assert np.array_equal(decoded, reference_crop(picture, resolution))


def test_a_very_long_picture_shows_its_middle_and_stays_small():
    picture = Image.new("RGB", (60_000, 8), "black")
    picture.paste("white", (29_996, 0, 30_004, 8))
    tracemalloc.start()
    decoded = image_decoding.centre_crop(picture, ImageSize(56, 56, 3))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoded[:, 4:-4].min() > 200
    assert peak_bytes < 8 << 20  # as a whole it would take 92 MB


def test_a_picture_whose_shorter_side_fits_is_only_cropped():
    picture = photograph(256, 341)
    decoded = image_decoding.centre_crop(picture, ImageSize(224, 224, 3))
    assert np.array_equal(decoded, np.asarray(picture)[16:240, 58:282])


def test_an_input_that_is_not_square_keeps_proportions():
    """A picture twice too wide loses its sides, so a circle in it stays as wide as it is high."""
    y, x = np.mgrid[:256, :1024]
    circle = ((y - 128) ** 2 + (x - 512) ** 2 < 80**2).astype(np.uint8) * 255
    decoded = image_decoding.centre_crop(Image.fromarray(circle), ImageSize(112, 168, 1))[..., 0]
    across, down = (decoded > 127).any(0).sum(), (decoded > 127).any(1).sum()
    assert decoded.shape == (112, 168) and abs(int(across) - int(down)) <= 1
    assert abs(int(down) - 160 * 128 / 256) <= 2  # 112 / 0.875 = 128 rows for all 256


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_every_8_bit_png_mode_becomes_rgb(tmp_path, mode):
    photograph(40, 50, mode).save(tmp_path / "a.png")
    expected = Image.open(tmp_path / "a.png").convert("RGB")
    decoded = image_decoding.decode(tmp_path / "a.png", SIZE)
    assert decoded.shape == (64, 64, 3) and decoded.dtype == np.uint8
    assert np.array_equal(decoded, image_decoding.centre_crop(expected, SIZE))


def test_a_cmyk_jpeg_shows_its_colours(tmp_path):
    Image.new("RGB", (64, 64), (200, 40, 90)).convert("CMYK").save(tmp_path / "a.jpg")
    assert image_decoding.decode(tmp_path / "a.jpg", SIZE).mean((0, 1)) == pytest.approx(
        [200, 40, 90], abs=4
    )


def test_a_model_of_one_channel_gets_grey(tmp_path):
    photograph(64, 64).save(tmp_path / "a.png")
    decoded = image_decoding.decode(tmp_path / "a.png", ImageSize(56, 56, 1))
    assert np.array_equal(decoded[..., 0], np.asarray(photograph(64, 64).convert("L"))[4:60, 4:60])


def test_exif_orientation_is_not_applied(tmp_path):
    picture = photograph(64, 64)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    picture.save(tmp_path / "plain.jpg")
    assert np.array_equal(
        image_decoding.decode(tmp_path / "turned.jpg", SIZE),
        image_decoding.decode(tmp_path / "plain.jpg", SIZE),
    )


def encoded(form, picture=None):
    buffer = io.BytesIO()
    (picture or photograph(64, 80)).save(buffer, form)
    return buffer.getvalue()


def png_of_16_bit_rgb():
    """Pillow cannot write one: an 8-bit PNG whose header says 16."""
    raw = bytearray(encoded("PNG"))
    raw[image_decoding.PNG_BIT_DEPTH_AT] = 16
    return bytes(raw)


def png_with(name, content):
    """A palette PNG without its palette, and with one more chunk."""
    raw = bytearray(encoded("PNG", photograph(16, 16)))
    chunk = struct.pack(">I", len(content)) + name + content
    chunk += struct.pack(">I", zlib.crc32(name + content))
    header_end = 33
    raw[25] = 3
    raw[29:header_end] = struct.pack(">I", zlib.crc32(raw[12:29]))
    return bytes(raw[:header_end] + chunk + raw[header_end:])


BAD = {
    "chunk_of_no_bytes": (png_with(b"iCCP", b""), "not a JPEG or PNG, or is damaged"),
    "no_palette": (png_with(b"tRNS", b"\0"), "cannot be decoded"),
    "text": (b"not a picture at all\n" * 10, "not a JPEG or PNG"),
    "empty": (b"", "not a JPEG or PNG"),
    "gif": (encoded("GIF"), "not a JPEG or PNG"),
    "truncated_jpeg": (encoded("JPEG")[:900], "truncated"),
    "truncated_png": (encoded("PNG")[:2000], "truncated"),
    "one_pixel": (encoded("PNG", photograph(1, 1)), "1x1 pixels; expected at least 8"),
    "thin": (encoded("PNG", photograph(7, 400)), "7x400 pixels; expected at least 8"),
    "grey_16_bit": (
        encoded("PNG", Image.fromarray(np.full((64, 64), 40000, np.uint16))),
        "16-bit PNG; expected 8 bits",
    ),
    "rgb_16_bit": (png_of_16_bit_rgb(), "16-bit PNG; expected 8 bits"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_picture_is_refused_in_one_line(tmp_path, case):
    content, reason = BAD[case]
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason) as caught:
        image_decoding.decode(tmp_path / "bad.png", SIZE)
    assert "\n" not in str(caught.value)


def test_no_damage_to_a_picture_raises_anything_but_unreadable(tmp_path):
    rng = np.random.default_rng(1)
    refused = 0
    for form in ("JPEG", "PNG"):
        content = encoded(form)
        for _ in range(150):
            damaged = np.frombuffer(content, np.uint8).copy()
            where = rng.integers(0, min(len(damaged), 700), 6)
            damaged[where] = rng.integers(0, 256, len(where))
            (tmp_path / "bad").write_bytes(damaged.tobytes())
            try:
                image_decoding.decode(tmp_path / "bad", SIZE)
            except UnreadableImage:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("resolution", [96, 33, 224])
def test_whole_frame_is_within_rounding_of_tensorflow_resize(resolution):
    """The demo networks were trained on tf.image.resize of float pixels."""
    import tensorflow as tf

    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), np.uint8)
    size = ImageSize(resolution, resolution, 3)
    resized = tf.image.resize(tf.cast(images, tf.float32), [resolution, resolution]).numpy()
    decoded = np.stack([image_decoding.whole_frame(image, size) for image in images])
    assert decoded.dtype == np.uint8 and decoded.shape == (20, resolution, resolution, 3)
    assert np.abs(decoded.astype(np.float32) - resized).max() <= 0.5 + 1e-3
    exact = np.stack([image_decoding.whole_frame(i.astype(np.float32), size) for i in images])
    assert exact.dtype == np.float32
    assert np.abs(exact - resized).max() <= 1e-3


def test_whole_frame_leaves_an_image_of_the_right_size_alone():
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    assert np.array_equal(image_decoding.whole_frame(image, ImageSize(32, 48, 3)), image)


def test_the_decoder_in_words():
    assert "shorter side 256, bilinear, antialiased; centre crop 224x224" in (
        image_decoding.crop_decoder(ImageSize(224, 224, 3))
    )
    assert "scaled to cover 128x192" in image_decoding.crop_decoder(ImageSize(112, 168, 3))
    words = image_decoding.whole_frame_decoder(28, 28, 1, ImageSize(96, 96, 3))
    assert "whole frame 28x28 to 96x96" in words and "repeated to 3" in words
