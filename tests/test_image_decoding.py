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


@pytest.mark.parametrize(
    ("suffix", "exact"),
    [
        (".webp", False), (".bmp", True), (".tiff", True), (".tif", True), (".jfif", False),
        (".JPG", False), (".PNG", True), (".ppm", True), (".tga", True), (".jp2", False),
        (".gif", False), (".avif", False),
    ],
)  # fmt: skip
def test_every_form_that_pillow_reads_gives_its_picture(tmp_path, suffix, exact):
    picture = photograph(64, 80)
    path = tmp_path / f"a{suffix}"
    picture.save(path)
    decoded = image_decoding.decode(path, SIZE).astype(int)
    wanted = image_decoding.centre_crop(picture, SIZE).astype(int)
    assert np.abs(decoded - wanted).mean() <= (0 if exact else 12)


def test_the_name_of_a_picture_does_not_decide_how_it_is_read(tmp_path):
    picture = photograph(64, 80)
    picture.save(tmp_path / "really.png")
    (tmp_path / "really.png").rename(tmp_path / "a.jpg")
    decoded = image_decoding.decode(tmp_path / "a.jpg", SIZE)
    assert np.array_equal(decoded, image_decoding.centre_crop(picture, SIZE))


def test_a_format_without_a_signature_is_read_by_name_only(tmp_path):
    """Or the bytes of a damaged photograph could pass as such a picture."""
    photograph(64, 80).save(tmp_path / "a.tga")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.tga").read_bytes())
    assert image_decoding.decode(tmp_path / "a.tga", SIZE).shape == (64, 64, 3)
    with pytest.raises(UnreadableImage, match="no image that Pillow reads"):
        image_decoding.decode(tmp_path / "a.jpg", SIZE)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tiff", ".png"])
def test_of_several_frames_the_first_is_read(tmp_path, suffix):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / f"moving{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert np.abs(image_decoding.decode(path, SIZE).mean((0, 1)) - [255, 0, 0]).max() < 4


def test_a_cmyk_jpeg_shows_its_colours(tmp_path):
    Image.new("RGB", (64, 64), (200, 40, 90)).convert("CMYK").save(tmp_path / "a.jpg")
    assert image_decoding.decode(tmp_path / "a.jpg", SIZE).mean((0, 1)) == pytest.approx(
        [200, 40, 90], abs=4
    )


def test_a_model_of_one_channel_gets_grey(tmp_path):
    photograph(64, 64).save(tmp_path / "a.png")
    decoded = image_decoding.decode(tmp_path / "a.png", ImageSize(56, 56, 1))
    assert np.array_equal(decoded[..., 0], np.asarray(photograph(64, 64).convert("L"))[4:60, 4:60])


# From the stored pixels [rows, columns, 3], by where the 0th row and the 0th column are seen.
UPRIGHT = {
    2: lambda x: x[:, ::-1],  # top, right
    3: lambda x: x[::-1, ::-1],  # bottom, right
    4: lambda x: x[::-1],  # bottom, left
    5: lambda x: x.swapaxes(0, 1),  # left, top
    6: lambda x: x.swapaxes(0, 1)[:, ::-1],  # right, top
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],  # right, bottom
    8: lambda x: x.swapaxes(0, 1)[::-1],  # left, bottom
}


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["png", "webp"])
def test_pictures_are_turned_upright(orientation, form, tmp_path):
    """Held against what the EXIF standard says of rows and columns; 0 and 9 are no orientations."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    kept = {"lossless": True} if form == "webp" else {}
    photograph(64, 96).save(tmp_path / f"turned.{form}", exif=exif, **kept)
    upright = UPRIGHT.get(orientation, np.asarray)(np.asarray(photograph(64, 96)))
    Image.fromarray(np.ascontiguousarray(upright)).save(tmp_path / "upright.png")
    found, plain = (
        image_decoding.decode(tmp_path / name, SIZE) for name in (f"turned.{form}", "upright.png")
    )
    assert np.array_equal(found, plain)
    photograph(64, 96).save(tmp_path / "stored.png")
    stored = image_decoding.decode(tmp_path / "stored.png", SIZE)
    assert np.array_equal(found, stored) == (orientation in (0, 1, 9))


@pytest.mark.parametrize("content", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\xff\xff", b"\xff" * 40])
def test_damaged_exif_data_are_passed_over(content, tmp_path):
    photograph(64, 96).save(tmp_path / "damaged.jpg", exif=content)
    photograph(64, 96).save(tmp_path / "plain.jpg")
    found, plain = (
        image_decoding.decode(tmp_path / name, SIZE) for name in ("damaged.jpg", "plain.jpg")
    )
    assert np.array_equal(found, plain)


def encoded(form, picture=None):
    buffer = io.BytesIO()
    (picture or photograph(64, 80)).save(buffer, form)
    return buffer.getvalue()


def png_of_16_bit_rgb():
    """Pillow cannot write one: an 8-bit PNG whose header says 16."""
    raw = bytearray(encoded("PNG"))
    raw[24] = 16  # the bit depth
    raw[29:33] = struct.pack(">I", zlib.crc32(raw[12:29]))
    return bytes(raw)


def tiff_of_16_bit_rgb():
    """One of 64x64, written by hand: Pillow cannot write one either."""
    pixels = np.full((64, 64, 3), 40000, "<u2").tobytes()
    entries = (
        (256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 3, 0), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 0), (277, 3, 1, 3), (278, 4, 1, 64), (279, 4, 1, len(pixels)),
    )  # fmt: skip
    depths_at = 8 + 2 + 12 * len(entries) + 4
    places = {258: depths_at, 273: depths_at + 6}
    written = [
        struct.pack("<HHII", tag, kind, n, places.get(tag, v)) for tag, kind, n, v in entries
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(written) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<3H", 16, 16, 16) + pixels


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
    "chunk_of_no_bytes": (png_with(b"iCCP", b""), "no image that Pillow reads, or is damaged"),
    "no_palette": (png_with(b"tRNS", b"\0"), "cannot be decoded"),
    "text": (b"not a picture at all\n" * 10, "no image that Pillow reads"),
    "empty": (b"", "no image that Pillow reads"),
    "postscript": (encoded("EPS"), "no image that Pillow reads"),
    "heic": (b"\0\0\0\x18ftypheic" + bytes(100), "Pillow does not read HEIC; convert it to JPEG"),
    "truncated_jpeg": (encoded("JPEG")[:900], "truncated"),
    "truncated_png": (encoded("PNG")[:2000], "truncated"),
    "one_pixel": (encoded("PNG", photograph(1, 1)), "1x1 pixels; expected at least 8"),
    "thin": (encoded("PNG", photograph(7, 400)), "7x400 pixels; expected at least 8"),
    "grey_16_bit": (
        encoded("PNG", Image.fromarray(np.full((64, 64), 40000, np.uint16))),
        "16-bit PNG; expected 8 bits",
    ),
    "rgb_16_bit": (png_of_16_bit_rgb(), "16-bit PNG; expected 8 bits"),
    "grey_16_bit_tiff": (
        encoded("TIFF", Image.fromarray(np.full((64, 64), 40000, np.uint16))),
        "16-bit TIFF; expected 8 bits",
    ),
    "rgb_16_bit_tiff": (tiff_of_16_bit_rgb(), "16-bit TIFF; expected 8 bits"),
    "float_tiff": (
        encoded("TIFF", Image.fromarray(np.full((64, 64), 0.5, np.float32))),
        "16-bit TIFF; expected 8 bits",
    ),
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
    for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
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
