"""One set of images for calibration and evaluation: which image is on which side."""

import numpy as np
import pytest
from PIL import Image

from export.image_sets import open_image_sets
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.data.dataset import ImageSize, open_dataset
from models.data.set_aside import set_aside
from models.image_places import ImagePlaces, evaluation_place, image_places
from models.source import resolve
from quantize.methods.plan import Plan

SIZE = ImageSize(32, 32, 3)


def pictures(folder, numbers, name="{}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name.format(number))


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A working folder with 60 photographs of three classes, and a user's model."""
    monkeypatch.chdir(tmp_path)
    for n, name in enumerate(("ant", "bee", "cat")):
        pictures(tmp_path / "photos" / name, range(20 * n, 20 * n + 20))
    (tmp_path / "own.keras").touch()
    return tmp_path / "photos"


def sides(folder):
    """Content of the images on either side."""
    data = open_dataset(str(folder), "DATA", SIZE, None)
    return [{data.source.digest(int(i)) for i in part} for part in set_aside(data)]


def test_every_image_is_on_one_side_about_one_in_three_to_calibrate_on(photos):
    data = open_dataset(str(photos), "DATA", SIZE, 3)
    aside, rest = set_aside(data)
    assert sorted([*aside, *rest]) == list(range(60))
    assert 12 <= len(aside) <= 28


def test_an_image_stays_on_its_side_whatever_it_is_called_and_whatever_is_beside_it(photos):
    aside, rest = sides(photos)
    for path in sorted((photos / "ant").iterdir()):
        path.rename(path.with_name(f"renamed-{path.name}"))
    pictures(photos / "dog", range(100, 130))
    pictures(photos / "cat", range(40, 60), "copy-of-{}.png")
    more_aside, more_rest = sides(photos)
    assert aside < more_aside and rest < more_rest
    assert not more_aside & more_rest


def chosen(classes=3, **asked):
    options = Options(model="own.keras", **asked)
    return open_image_sets(options, resolve(options), Plan.parse("auto", 30), SIZE, classes).chosen


@pytest.mark.parametrize("variable", ["data", "calib"])
def test_of_one_set_a_part_is_calibrated_on_and_the_others_are_evaluated_on(photos, variable):
    found = chosen(**{variable: "photos"})
    assert found.shared == variable.upper() and found.evaluation is found.calibration
    assert not set(found.calibration_indices) & set(found.evaluable)
    assert len(found.calibration_indices) + len(found.evaluable) == 60
    assert f"images of {variable.upper()}=photos" in found.notes[0]
    assert f"{len(found.calibration_indices)} are set aside to calibrate on" in found.notes[0]


def test_images_set_aside_and_not_needed_are_not_evaluated_on_either(photos):
    found, all_of_them = chosen(data="photos", n_calib=9), chosen(data="photos")
    assert len(found.calibration_indices) == 9
    assert np.array_equal(found.evaluable, all_of_them.evaluable)


def test_labels_of_data_have_to_fit_even_where_only_a_part_is_evaluated_on(photos):
    with pytest.raises(RequestError, match="has 3 class folders"):
        chosen(classes=4, data="photos")
    assert chosen(classes=4, calib="photos").shared == "CALIB"


def test_too_few_images_for_both_purposes_are_refused(photos):
    pictures(photos.parent / "few", range(12))
    with pytest.raises(
        RequestError, match=r"CALIB=few has 12 images, too few.*both DATA and CALIB"
    ):
        chosen(calib="few")


def places(**asked):
    options = Options(**asked)
    return image_places(options, resolve(options), "export")


def test_the_demo_stands_in_for_networks_trained_on_it_or_on_nothing(photos):
    for weights in (None, "demo", "random"):
        assert places(weights=weights) == ImagePlaces("demo", "demo")
        assert places(weights=weights, data="photos") == ImagePlaces("photos", "demo")
    assert places(model="own.keras", calib="demo") == ImagePlaces("demo", "demo")
    assert places(model="own.keras", data="a", calib="b") == ImagePlaces("a", "b")


def test_a_users_network_is_not_calibrated_or_judged_on_other_images_than_it_was_given(photos):
    with pytest.raises(
        RequestError, match=r"run make export MODEL=own\.keras LOGITS=1 CALIB=folder"
    ):
        places(model="own.keras", logits=True)
    own = Options(model="own.keras")
    assert evaluation_place(own, resolve(own)) is None
    demo = Options()
    assert evaluation_place(demo, resolve(demo)) == "demo"


def test_the_same_images_make_the_same_choice_and_the_fingerprint_knows_of_it(photos):
    def fingerprint(**asked):
        options, plan = Options(model="own.keras", **asked), Plan.parse("auto", 30)
        return open_image_sets(options, resolve(options), plan, SIZE, 3).fingerprint()

    assert fingerprint(data="photos") == fingerprint(data="photos")
    assert fingerprint(data="photos") != fingerprint(calib="photos")
