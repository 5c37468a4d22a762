"""Data sets: demo, folders of photographs, choice of images, overlap, corrupt images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.command_line.errors import RequestError
from models.data.dataset import Dataset, ImageSize, check_disjoint, open_dataset
from models.networks import demo
from models.training import fashion_mnist
from models.training.embed_demo_images import choose_calibration

SIZE = ImageSize(32, 32, 3)
PHOTOGRAPHS = Path(__file__).parents[2] / "shared" / "imagenet"


def picture(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Three class folders of three images each; hidden files and a README among them."""
    root = tmp_path / "photos"
    suffixes = (".jpg", ".JPEG", ".png")
    for k, name in enumerate(("cat", "ant", "bee")):
        for i, suffix in enumerate(suffixes):
            picture(root / name / f"{i}{suffix}", seed=10 * k + i)
    (root / ".hidden").mkdir()
    (root / "cat" / ".DS_Store").write_bytes(b"?")
    (root / "cat" / "README.txt").write_text("cats")
    return root


def opened(where, role="DATA", classes=3, **more):
    return open_dataset(str(where), role, SIZE, classes, **more)


def refused(message, where, role="DATA", classes=3):
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        data = opened(where, role, classes)
        list(data.images(range(len(data))))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# demo


def test_the_demo_is_the_official_test_set():
    data = open_dataset("demo", "DATA", ImageSize(28, 28, 1), 10)
    assert len(data) == 10_000 and data.class_names == demo.CLASSES
    assert np.bincount(data.labels).tolist() == [1000] * 10
    if not fashion_mnist.DEBIAN_FOLDER.is_dir():
        pytest.skip("the official files are not installed to compare with")
    images, labels = fashion_mnist.load("t10k")
    pixels = np.stack([image[..., 0] for _, image in data.images(range(10_000))])
    assert np.array_equal(pixels, images) and np.array_equal(data.labels, labels)


def test_the_demo_calibrates_on_other_images_balanced_by_class():
    calib = open_dataset("demo", "CALIB", ImageSize(96, 96, 3), 10)
    data = open_dataset("demo", "DATA", ImageSize(96, 96, 3), None)
    assert len(calib) == 512 and set(np.bincount(calib.labels)) == {51, 52}
    check_disjoint(calib, range(512), data, range(10_000))
    index, image = next(data.images([7]))
    assert index == 7 and image.shape == (96, 96, 3) and image.dtype == np.uint8
    assert "whole frame 28x28 to 96x96" in data.decoder


def test_calibration_images_are_chosen_apart_from_the_test_images():
    images = np.arange(40, dtype=np.uint8).repeat(4).reshape(40, 2, 2)
    labels = np.arange(40) % 4
    chosen = choose_calibration(images, labels, held_out=images[:8], count=10)
    assert chosen.min() >= 8 and len(set(chosen)) == 10
    assert sorted(np.bincount(labels[chosen])) == [2, 2, 3, 3]


def test_a_model_of_fewer_outputs_than_the_demo_has_classes_is_refused():
    refused("10 classes but the model has 5 outputs", "demo", classes=5)
    assert len(opened("demo", classes=1000)) == 10_000
    assert len(opened("demo", role="CALIB", classes=5)) == 512


def test_opening_data_imports_neither_tensorflow_nor_pillow_before_it_is_needed():
    check = (
        "import sys, models.data.dataset; print(*{'tensorflow', 'keras', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# folders


def test_labels_follow_the_sorted_folder_names(folder):
    data = opened(folder)
    assert data.class_names == ("ant", "bee", "cat")
    assert data.labels.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert data.source.item_name(6) == str(folder / "cat" / "0.jpg")
    images = dict(data.images(range(9)))
    assert list(images) == list(range(9)) and images[0].shape == (32, 32, 3)
    assert "centre crop 32x32" in data.decoder


@pytest.mark.parametrize("inside", [True, False])
def test_labels_follow_classes_txt_in_the_folder_or_beside_it(folder, inside):
    place = folder if inside else folder.parent
    (place / "classes.txt").write_text("dog\ncat\nbee\nant\n")
    data = opened(folder, classes=4)
    assert data.class_names == ("dog", "cat", "bee", "ant")
    for index in range(9):
        assert data.class_names[data.labels[index]] in data.source.item_name(index)
    assert sorted(set(data.labels)) == [1, 2, 3]


def test_class_lists_that_do_not_fit_are_refused(folder):
    listed = folder / "classes.txt"
    listed.write_text("ant\nbee\n")
    refused("has a folder cat that is not in", folder)
    listed.write_text("ant\nbee\ncat\nbee\n")
    refused("line 4 of " + str(listed) + " repeats bee of line 2", folder)
    listed.write_text("ant\n\nbee\ncat\n")
    refused("line 2 of " + str(listed) + " is empty", folder)
    listed.write_text("\n")
    refused("is empty; expected one class name a line", folder)
    listed.write_bytes(b"\xff\xfe\x00")
    refused("expected one class name a line in UTF-8", folder)


def test_more_classes_than_outputs_are_refused(folder):
    refused("has 3 classes but the model has 2 outputs", folder, classes=2)
    refused("has 3 classes but the model has 1 output;", folder, classes=1)
    assert len(opened(folder, role="CALIB", classes=2)) == 9


def test_a_missing_class_folder_does_not_shift_the_labels(folder):
    """Labels by the sorted names would be those of other outputs."""
    line = refused(
        "has 3 class folders (ant, bee, cat) but the model has 5 outputs", folder, classes=5
    )
    assert f"all 5 classes into {folder / 'classes.txt'}" in line
    (folder / "classes.txt").write_text("ant\nauk\nbee\nbug\ncat\n")
    data = opened(folder, classes=5)
    assert sorted(set(data.labels)) == [0, 2, 4]
    assert len(opened(folder, role="CALIB", classes=5)) == 9  # whose labels nobody reads
    (folder / "classes.txt").write_text("ant\nbee\nbug\ncat\n")
    refused("classes.txt has 4 names but the model has 5 outputs; expected 5", folder, classes=5)


def test_where_labels_do_not_matter_class_folders_do_not_either(folder):
    assert len(opened(folder, classes=None)) == 9
    picture(folder / "alone.png", 50)
    assert len(opened(folder, classes=None)) == 10
    refused("has alone.png next to its class folders", folder)


def test_one_output_tells_two_classes(folder):
    for path in (folder / "bee").iterdir():
        path.unlink()
    (folder / "bee").rmdir()
    assert opened(folder, classes=1).labels.max() == 1


def test_folders_without_usable_images_are_refused(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for role in ("DATA", "CALIB"):
        refused(f"{role}={empty} is an empty folder", empty, role)
    (empty / "notes.txt").write_text("a")
    (empty / "more.txt").write_text("b")
    for role in ("DATA", "CALIB"):
        refused("no image among its 2 files (the first is more.txt)", empty, role)
    classes = tmp_path / "classes"
    (classes / "cat").mkdir(parents=True)
    refused("no image in its 1 class folders (the first is cat)", classes)
    (classes / "cat" / "cat.txt").write_text("meow")
    picture(classes / "dog" / "1.png")
    refused("cat has no image among its 1 files (the first is cat.txt)", classes)


def test_a_flat_folder_serves_to_calibrate_only(tmp_path):
    for i in range(3):
        picture(tmp_path / "flat" / f"{i}.png", i)
    calib = opened(tmp_path / "flat", "CALIB")
    assert calib.labels.tolist() == [0, 0, 0] and calib.class_names == ()
    assert len(list(calib.images(range(3)))) == 3
    refused("images but no class folders", tmp_path / "flat")
    picture(tmp_path / "flat" / "cat" / "1.png")
    assert len(opened(tmp_path / "flat", "CALIB")) == 4


def test_every_picture_in_a_class_folder_counts(folder):
    names = ["1.webp", "2.bmp", "3.gif", "4.tiff", "5.jfif", "6.WEBP", "nested/7.jpg"]
    for n, name in enumerate(names):
        picture(folder / "cat" / name, seed=100 + n)
    (folder / "cat" / "0.jpg").rename(folder / "cat" / "0")  # a download without a suffix
    (folder / "cat" / "nested" / "again").symlink_to(folder / "cat")
    data = opened(folder)
    of_cats = [data.source.item_name(i) for i in range(len(data)) if data.labels[i] == 2]
    assert of_cats == [
        str(folder / "cat" / name)
        for name in sorted([*names, "0", "1.JPEG", "2.png"])
    ]  # fmt: skip
    assert len(list(data.images(range(len(data))))) == 16


def test_images_inside_folders_of_a_class_folder_are_noted(folder):
    """photos/train and photos/test of a network of two classes would be taken for its classes."""
    (folder / "cat" / "README.txt").unlink()
    assert opened(folder).warnings == ()
    picture(folder / "cat" / "black" / "7.jpg", seed=7)
    picture(folder / "ant" / "red" / "big" / "8.jpg", seed=8)
    (line,) = opened(folder).warnings
    assert "2 images are in a folder inside a class folder, the first ant/red/big/8.jpg" in line
    assert "counts as ant; expected CLASS/IMAGE" in line
    assert opened(folder, "CALIB").warnings == opened(folder, classes=None).warnings == ()


def test_a_link_to_itself_and_a_pipe_are_named_and_not_their_folder(folder):
    for make, found in (
        (lambda path: path.symlink_to(path.name), "a link that leads nowhere"),
        (os.mkfifo, "a named pipe"),
    ):
        for place in (folder / "odd", folder / "cat" / "odd.jpg", folder / "cat" / "deep" / "odd"):
            place.parent.mkdir(exist_ok=True)
            make(place)
            refused(f"{place} is {found}", folder)
            place.unlink()


@pytest.mark.parametrize(
    "character", ["\f", "\v", "\x1c", "\x85", "\u2028", "\u2029", "\r", "\x1b"]
)
def test_lines_of_a_list_of_classes_end_with_a_line_feed_alone(folder, character):
    """Where another character ended one, all labels after it would be shifted, silently."""
    listed = folder / "classes.txt"
    listed.write_text(f"ant\nbee{character}wasp\ncat\n", newline="")
    line = refused(f"line 2 of {listed} has a character that nobody sees", folder)
    assert character not in line
    listed.write_text("\ufeffant\r\nbee \r\n\tcat\r\n\r\n", newline="")
    assert opened(folder).class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.name)])
def test_a_list_of_classes_that_is_no_file_is_not_passed_over(folder, make):
    for place in (folder, folder.parent):
        make(place / "classes.txt")
        line = refused("classes.txt ", folder)
        assert "remove it" in line and str(place / "classes.txt") in line
        (place / "classes.txt").rmdir() if make is Path.mkdir else (place / "classes.txt").unlink()


def test_files_that_are_no_pictures_are_counted(folder):
    assert opened(folder).warnings == (
        f"DATA={folder}: 1 file is no image, and left out; the first is cat/README.txt",
    )
    for n in range(3):
        (folder / "ant" / f"{n}.xml").write_text("<box/>")
    (folder / "labels.csv").write_text("a,b")
    (folder / "ant" / "Thumbs.db").write_bytes(b"?")
    (folder / "ant" / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (line,) = opened(folder, "CALIB").warnings
    assert line == f"CALIB={folder}: 6 files are no images, and left out; the first is labels.csv"
    (folder / "classes.txt").write_text("ant\nbee\ncat\n")
    assert opened(folder).warnings == (line.replace("CALIB", "DATA"),)


def test_photographs_in_heic_are_named_with_the_remedy(folder):
    (folder / "cat" / "README.txt").unlink()
    heic = b"\0\0\0\x18ftypheic" + bytes(100)
    (folder / "bee" / "IMG_1.HEIC").write_bytes(heic)
    (folder / "bee" / "IMG_2").write_bytes(heic)
    (line,) = opened(folder).warnings
    assert "2 HEIC photographs are left out, the first is bee/IMG_1.HEIC" in line
    assert "convert it to JPEG, e.g. heif-convert" in line
    for path in (folder / "bee").glob("[0-9]*"):
        path.unlink()
    assert "convert it to JPEG" in refused("bee has no image among its 2 files", folder)


def test_camera_raw_files_are_not_read_as_the_thumbnail_in_them(folder):
    raw = folder / "cat" / "1.NEF"
    picture(folder / "thumbnail.tiff")
    (folder / "thumbnail.tiff").rename(raw)
    assert str(raw) not in [opened(folder).source.item_name(i) for i in range(9)]
    assert len(opened(folder)) == 9


def test_a_model_of_other_channels_needs_arrays(folder):
    for where, role in ((str(folder), "DATA"), ("demo", "CALIB")):
        with pytest.raises(RequestError, match=r"an \.npz with x of shape \[n, height, width, 4\]"):
            open_dataset(where, role, ImageSize(32, 32, 4), 3)


def test_other_places_are_refused_with_what_is_accepted(tmp_path):
    refused("does not exist; expected demo, a folder", tmp_path / "nowhere")
    refused("does not exist; expected demo, a folder", "")
    (tmp_path / "set.csv").write_text("1,2")
    refused("a file of another kind; expected demo, a folder", tmp_path / "set.csv", "CALIB")


def test_a_corrupt_image_is_named_and_skipped_only_when_asked(folder):
    bad = folder / "bee" / "1.JPEG"
    bad.write_bytes(bad.read_bytes()[:500])
    assert "SKIP_CORRUPT=1" in refused(f"DATA image {bad}", folder)
    data = opened(folder, skip_corrupt=True)
    for _ in range(2):
        assert [i for i, _ in data.images(range(9))] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert data.skipped == [str(bad)]
    with pytest.raises(RequestError, match="none of the 1 images asked of DATA"):
        list(data.images([4]))


def test_an_image_that_vanishes_is_named(folder):
    data = opened(folder)
    gone = folder / "ant" / "0.jpg"
    gone.unlink()
    for use in (lambda: list(data.images([0])), lambda: data.content_hash([0])):
        with pytest.raises(RequestError, match=re.escape(f"DATA image {gone}")):
            use()


# choice and content


def labelled(labels):
    labels = np.asarray(labels)
    return Dataset("made", (), labels, "none", SIZE, source=None)


@pytest.mark.parametrize("n", [1, 3, 7, 10, 99, 128, 500, 512, 900])
def test_spread_is_ascending_unique_and_even_over_classes(n):
    labels = np.random.default_rng(n).permutation(np.arange(512) % 10)
    chosen = labelled(labels).spread(n)
    assert len(chosen) == min(n, 512)
    assert np.array_equal(chosen, np.unique(chosen))
    counts = np.bincount(labels[chosen], minlength=10)
    assert counts.max() - counts.min() <= 1
    assert np.array_equal(chosen, labelled(labels).spread(n))


def test_spread_takes_from_large_classes_what_small_ones_lack():
    labels = [0] * 2 + [4] * 50 + [7] * 50
    chosen = np.asarray(labels)[labelled(labels).spread(42)]
    assert np.bincount(chosen)[[0, 4, 7]].tolist() == [2, 20, 20]


def test_spread_reaches_over_the_whole_of_one_class():
    chosen = labelled(np.zeros(1000, int)).spread(10)
    assert chosen.tolist() == list(range(50, 1000, 100))


def test_a_count_below_one_is_refused():
    with pytest.raises(RequestError, match="N_EVAL is 0; expected at least 1"):
        labelled([0, 1]).spread(0)


def test_the_content_hash_follows_bytes_labels_and_choice(folder):
    before = opened(folder).content_hash(range(9))
    assert before == opened(folder).content_hash(range(9)) and len(before) == 64
    assert before != opened(folder).content_hash(range(8))
    (folder / "classes.txt").write_text("cat\nant\nbee\n")
    assert before != opened(folder).content_hash(range(9))
    (folder / "classes.txt").unlink()
    picture(folder / "cat" / "0.jpg", seed=99)
    assert before != opened(folder).content_hash(range(9))


def test_an_image_in_both_sets_is_named(folder, tmp_path):
    flat = tmp_path / "calib"
    picture(flat / "own.png", seed=77)
    copied = flat / "copied.png"
    copied.write_bytes((folder / "bee" / "2.png").read_bytes())
    calib, data = opened(flat, "CALIB"), opened(folder)
    with pytest.raises(RequestError) as caught:
        check_disjoint(calib, range(2), data, range(9))
    assert str(copied) in str(caught.value) and "1 of 2 images of CALIB" in str(caught.value)
    check_disjoint(calib, [1], data, range(9))
    check_disjoint(calib, range(2), data, [0, 1, 2])


def test_one_folder_serves_both_roles_where_the_images_differ(folder):
    check_disjoint(opened(folder, "CALIB"), [0, 3, 6], opened(folder), [1, 2, 4, 5])
    with pytest.raises(RequestError, match="2 of 3 images of CALIB"):
        check_disjoint(opened(folder, "CALIB"), [0, 3, 6], opened(folder), [0, 1, 6])


def test_only_files_of_a_size_on_both_sides_are_read(folder, tmp_path):
    """50,000 files must be compared quickly: a file that cannot be read shows it was not."""
    data = opened(folder)
    os.truncate(folder / "ant" / "0.jpg", 3)
    picture(tmp_path / "calib" / "a.png", seed=5)
    calib = opened(tmp_path / "calib", "CALIB")
    read = []
    real = type(data.source).digest

    class LeasedPrograms(type(data.source)):
        def digest(self, index):
            read.append(index)
            return real(self, index)

    watched = LeasedPrograms(data.source.folder, data.source.names, data.source.size)
    data = Dataset("x", (), data.labels, "", SIZE, watched)
    same_size = {i for i in range(9) if data.source.item_size(i) == calib.source.item_size(0)}
    check_disjoint(calib, [0], data, range(9))
    assert set(read) == same_size and 0 not in read


# scale

STREAM = """
import resource, sys
from models.data.dataset import ImageSize, open_dataset
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
data = open_dataset(sys.argv[1], "DATA", ImageSize(96, 96, 3), None)
assert sum(1 for _ in data.images(range(200))) == 200
before = peak()
assert sum(1 for _ in data.images(range(len(data)))) == len(data) == 5000
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    for k in range(5):
        first = tmp_path / "many" / f"class{k}" / "0.jpg"
        picture(first, seed=k)
        for i in range(1, 1000):
            os.link(first, first.with_name(f"{i}.jpg"))
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(tmp_path / "many")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 16 << 20  # 5,000 images of 96x96x3 take 138 MB


# real photographs

needs_photographs = pytest.mark.skipif(
    not PHOTOGRAPHS.is_dir(), reason="../shared/imagenet is not there"
)


@needs_photographs
def test_photographs_get_their_labels_from_classes_txt_beside_them():
    data = open_dataset(str(PHOTOGRAPHS / "val"), "DATA", ImageSize(224, 224, 3), 1000)
    wnids = (PHOTOGRAPHS / "classes.txt").read_text().split()
    assert len(data) == 500 and len(data.class_names) == 1000
    label_of = {Path(data.source.item_name(i)).parent.name: int(data.labels[i]) for i in range(500)}
    assert label_of["n01440764"] == 0
    assert label_of == {name: wnids.index(name) for name in label_of}
    refused("1000 classes but the model has 10 outputs", PHOTOGRAPHS / "val", classes=10)


@needs_photographs
def test_photographs_decode_to_the_centre_of_the_picture():
    data = open_dataset(str(PHOTOGRAPHS / "val"), "DATA", ImageSize(224, 224, 3), 1000)
    compared = 0
    for index, pixels in data.images(data.spread(20)):
        whole = np.asarray(Image.open(data.source.item_name(index)).convert("RGB"))
        if min(whole.shape[:2]) == 256:  # so that nothing is resized
            top, left = (round((side - 224) / 2) for side in whole.shape[:2])
            assert np.array_equal(pixels, whole[top : top + 224, left : left + 224])
            compared += 1
    assert compared > 10
