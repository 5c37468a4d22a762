"""Weights files of every form load whole or are refused in one line, the model untouched."""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from models.command_line.errors import DeviceError, RequestError
from models.networks import registry
from models.networks.spec import ModelSpec
from models.weights import imagenet_weights
from models.weights.imagenet_weights import Digest, PublishedFile
from models.weights.load_weights import classes_in, load_weights

IMAGENET = Path(__file__).parents[2] / "shared" / "imagenet"
REAL = IMAGENET / "mobilenet_v1_1.0_224.weights.h5"


def build(arch, **kwargs):
    """The smallest there is, unless ``kwargs`` say otherwise."""
    known = registry.ARCHITECTURES[arch]
    smallest = {"alpha": min(known.alphas, default=0.25), "resolution": known.min_resolution}
    return registry.build(ModelSpec(arch, **(smallest | kwargs)))


def fill(model, seed=0):
    """Random values everywhere, so that no two arrays of one shape are alike."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in model.get_weights()])
    return model


def published(arch, path, include_top=True):
    """A file in the published (Keras 2) form, from keras.applications with random weights."""
    from keras import applications
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    name = {
        "v1": "MobileNet", "v2": "MobileNetV2",
        "v3-large": "MobileNetV3Large", "v3-small": "MobileNetV3Small",
    }[arch]  # fmt: skip
    kwargs = {"include_preprocessing": False} if arch.startswith("v3") else {}
    if include_top:
        kwargs["classes"] = 7
    other = getattr(applications, name)(
        input_shape=(32, 32, 3), alpha=0.25, weights=None, include_top=include_top, **kwargs
    )
    fill(other)
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, other)
    return other


def assert_same_weights(built, other):
    for got, expected in zip(built.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def refusal(model, path):
    """The one line with which the file is refused, having left the model as it was."""
    before = model.get_weights()
    with pytest.raises(RequestError) as caught:
        load_weights(model, path)
    for got, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(got, kept)
    assert "\n" not in str(caught.value)
    return str(caught.value)


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("arch", "include_top"),
    [
        ("v1", True), ("v3-small", False),
        pytest.param("v1", False, marks=slow), pytest.param("v2", True, marks=slow),
        pytest.param("v3-small", True, marks=slow), pytest.param("v3-large", True, marks=slow),
    ],
)  # fmt: skip
def test_files_in_the_published_form_load(arch, include_top, tmp_path):
    path = tmp_path / "published.h5"
    other = published(arch, path, include_top)
    built = build(arch, classes=7, include_top=include_top)
    load_weights(built, path)
    assert_same_weights(built, other)
    assert classes_in(path) == (7 if include_top else None)


def test_published_files_load_in_order_when_their_layers_have_other_names(tmp_path):
    path = tmp_path / "published.h5"
    other = published("v3-small", path)
    with h5py.File(path, "r+") as file:  # as TensorFlow's V3 files: "expanded_conv/expand/kernel"
        renamed = []
        for name in file.attrs["layer_names"]:
            old = name if isinstance(name, str) else name.decode()
            file.move(old, f"tf/{old}")
            renamed.append(f"tf/{old}".encode())
        file.attrs["layer_names"] = renamed
    built = build("v3-small", classes=7)
    load_weights(built, path)
    assert_same_weights(built, other)


FORMS = ("weights.weights.h5", "model.keras", "model.h5")


def keras_3_files():
    """v2 in every form, and every other architecture in one of them."""
    for i, arch in enumerate(registry.ARCHITECTURES):
        for name in FORMS if arch == "v2" else (FORMS[i % len(FORMS)],):
            yield pytest.param(arch, name, marks=() if arch == "v2" else slow)


@pytest.mark.parametrize(("arch", "name"), keras_3_files())
def test_keras_3_weights_and_whole_models_load(arch, name, tmp_path):
    saved, built = fill(build(arch, classes=5)), build(arch, classes=5)
    path = tmp_path / name
    saved.save_weights(path) if name.startswith("weights") else saved.save(path)
    load_weights(built, path)
    assert_same_weights(built, saved)
    assert classes_in(path) == 5


def test_keras_3_weights_without_layer_names_load_in_order(tmp_path):
    saved = fill(build("v1", classes=5))
    path = tmp_path / "x.weights.h5"
    saved.save_weights(path)
    with h5py.File(path, "r+") as file:
        file.visititems(lambda _, item: item.attrs.pop("name", None) and None)
    built = build("v1", classes=5)
    load_weights(built, path)
    assert_same_weights(built, saved)


def test_weights_of_another_width_are_refused_with_both_shapes_and_the_count(tmp_path):
    path = tmp_path / "x.weights.h5"
    build("v2", alpha=0.5, classes=5).save_weights(path)
    line = refusal(build("v2", alpha=1.0, classes=5), path)
    assert "Conv1 is (3, 3, 3, 16) in the file, expected (3, 3, 3, 32)" in line
    assert re.search(r"\d+ of 105 layers differ", line)
    assert re.search(r"; and \d+ more; give the ARCH, ALPHA and CLASSES", line)


@pytest.mark.parametrize("form", ["legacy", "keras 3"])
def test_weights_of_another_architecture_are_refused(form, tmp_path):
    path = tmp_path / "x.weights.h5"
    if form == "legacy":
        published("v1", path)
    else:
        build("v1", classes=7).save_weights(path)
    line = refusal(build("v2", classes=7), path)
    assert "do not fit mobilenet_v2" in line
    assert "missing from the file" in line or "in the file, expected" in line


def test_a_file_with_other_classes_names_the_classes_to_type(tmp_path):
    path = tmp_path / "x.weights.h5"
    build("v3-small", classes=5).save_weights(path)
    line = refusal(build("v3-small", classes=9), path)
    assert "1 of " in line
    assert "(1, 1, 1024, 5) in the file, expected (1, 1, 1024, 9)" in line
    assert line.endswith("use CLASSES=5")


def test_a_file_without_the_classifier_says_which_layers_it_lacks(tmp_path):
    path = tmp_path / "x.h5"
    published("v3-small", path, include_top=False)
    line = refusal(build("v3-small", classes=7), path)
    assert "conv_2 is missing from the file, expected (1, 1, " in line
    assert "2 of " in line


def test_a_file_with_layers_too_many_says_which(tmp_path):
    path = tmp_path / "x.h5"
    published("v1", path)
    line = refusal(build("v1", include_top=False), path)
    assert "conv_preds (1, 1, 256, 7) is in the file, not in the network" in line


def test_weights_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "x.weights.h5"
    saved = build("v1", classes=5)
    saved.layers[1].set_weights([np.full((3, 3, 3, 8), np.nan)])
    saved.save_weights(path)
    assert "NaN or infinity in layer conv1" in refusal(build("v1", classes=5), path)


def test_files_that_are_no_whole_weights_file_are_refused_in_one_line(tmp_path):
    model = build("v1", classes=5)
    whole = tmp_path / "whole.weights.h5"
    model.save_weights(whole)
    archive = tmp_path / "whole.keras"
    model.save(archive)
    bad = {
        "truncated": (tmp_path / "half.h5", whole.read_bytes()[: whole.stat().st_size // 2]),
        "truncated or damaged": (tmp_path / "half.keras", archive.read_bytes()[:5000]),
        "is not an HDF5 file": (tmp_path / "text.weights.h5", b"these are no weights\n"),
        "is empty": (tmp_path / "empty.h5", b""),
    }
    for found, (path, content) in bad.items():
        path.write_bytes(content)
        assert found in refusal(model, path)
        with pytest.raises(RequestError, match=found):
            classes_in(path)
    assert "does not exist" in refusal(model, tmp_path / "nowhere.h5")
    assert "a folder" in refusal(model, tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert "holds no Keras layers" in refusal(model, tmp_path / "other.h5")


def test_a_file_cut_anywhere_is_refused(tmp_path):
    model = fill(build("v1", classes=5))
    whole, cut = tmp_path / "whole.weights.h5", tmp_path / "cut.weights.h5"
    model.save_weights(whole)
    content = whole.read_bytes()
    for size in np.linspace(1, len(content) - 1, 12).astype(int):
        cut.write_bytes(content[:size])
        assert "WEIGHTS" in refusal(model, cut)


@pytest.mark.skipif(not REAL.exists(), reason=f"the real ImageNet weights are not at {REAL}")
def test_real_imagenet_weights_classify_real_photographs():
    from PIL import Image

    model = registry.build(ModelSpec("v1"))
    load_weights(model, REAL)
    assert classes_in(REAL) == 1000
    labels = {wnid: i for i, wnid in enumerate((IMAGENET / "classes.txt").read_text().split())}
    images, expected = [], []
    for photograph in sorted((IMAGENET / "val").glob("*/*.JPEG"))[::10]:
        image = Image.open(photograph).convert("RGB")
        left, top = (image.width - 224) // 2, (image.height - 224) // 2
        pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
        images.append(pixels / 127.5 - 1)
        expected.append(labels[photograph.parent.name])
    scores = model.predict(np.stack(images), batch_size=10, verbose=0)
    assert len(expected) >= 50
    assert (scores.argmax(axis=1) == expected).mean() > 0.8


CONTENT = bytes(range(256)) * 1000
SHA256 = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; ``/cut`` breaks off half way, ``/missing`` is not there."""

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path.startswith("/missing"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        cut = self.path.startswith("/cut")
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if cut else CONTENT)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.requests = []
        serving.url = f"http://127.0.0.1:{serving.server_port}"
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving
        serving.shutdown()


def failed(file, folder):
    """The one line with which a download ends that leaves no file."""
    with pytest.raises(DeviceError) as caught:
        imagenet_weights.download(file, folder)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert "WEIGHTS=path" in str(caught.value)
    assert not folder.exists() or not list(folder.iterdir())
    return str(caught.value)


def test_a_download_is_checked_kept_and_not_repeated(server, tmp_path):
    for digest in (SHA256, Digest("md5", hashlib.md5(CONTENT).hexdigest())):
        folder = tmp_path / digest.algorithm
        file = PublishedFile(f"{server.url}/w.h5", digest)
        server.requests.clear()
        for _ in range(2):
            path = imagenet_weights.download(file, folder)
            assert path.read_bytes() == CONTENT
        assert server.requests == ["/w.h5"]
        assert [each.name for each in folder.iterdir()] == ["w.h5"]


def test_a_spoilt_file_in_the_cache_is_downloaded_again(server, tmp_path):
    (tmp_path / "w.h5").write_bytes(b"spoilt")
    path = imagenet_weights.download(PublishedFile(f"{server.url}/w.h5", SHA256), tmp_path)
    assert path.read_bytes() == CONTENT


def test_a_download_with_another_digest_is_thrown_away(server, tmp_path):
    wrong = PublishedFile(f"{server.url}/w.h5", Digest("sha256", "0" * 64))
    line = failed(wrong, tmp_path)
    assert SHA256.hex in line
    assert "0" * 64 in line


def test_a_cut_connection_leaves_nothing(server, tmp_path):
    file = PublishedFile(f"{server.url}/cut/w.h5", SHA256)
    assert f"cut off after {len(CONTENT) // 2} of {len(CONTENT)} bytes" in failed(file, tmp_path)


def test_a_file_that_is_gone_from_the_server_leaves_nothing(server, tmp_path):
    assert "Not Found" in failed(PublishedFile(f"{server.url}/missing/w.h5", SHA256), tmp_path)


def test_an_unreachable_host_is_named(server, tmp_path):
    file = PublishedFile(f"{server.url}/w.h5", SHA256)
    server.server_close()
    server.shutdown()
    assert f"127.0.0.1:{server.server_port}" in failed(file, tmp_path)


def test_a_download_that_takes_too_long_is_given_up(server, tmp_path):
    with pytest.raises(DeviceError, match="took too long"):
        file = PublishedFile(f"{server.url}/w.h5", SHA256)
        imagenet_weights.download(file, tmp_path, total_timeout_s=-1)
    assert not list(tmp_path.iterdir())


def test_fetch_uses_the_users_cache_and_the_published_table(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = PublishedFile(f"{server.url}/w.h5", SHA256)
    monkeypatch.setitem(imagenet_weights.PUBLISHED, ("v2", 1.0, 224), file)
    path = imagenet_weights.fetch("v2", 1, 224)
    assert path == tmp_path / "mobilenet-deploy" / "weights" / "w.h5"


@pytest.mark.parametrize(
    ("arch", "alpha", "resolution", "named"),
    [
        ("v2", 0.6, 224, "no file for ARCH=v2 ALPHA=0.6 RES=224; expected ALPHA=1 RES=224"),
        ("v3-large", 1.0, 96, "expected ALPHA=0.75 RES=224, ALPHA=1 RES=224"),
        ("v1", 0.5, 128, "no pinned digest for ARCH=v1 ALPHA=0.5 RES=128"),
        ("v9", 1.0, 224, "ARCH is 'v9'"),
    ],
)
def test_weights_that_are_not_offered_are_refused_naming_those_that_are(
    arch, alpha, resolution, named
):
    with pytest.raises(RequestError) as caught:
        imagenet_weights.fetch(arch, alpha, resolution)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_pinned_digest_belongs_to_a_published_file_of_its_own_length():
    names = {file.name for file in imagenet_weights.PUBLISHED.values()}
    assert set(imagenet_weights.PINNED) <= names
    for digest in imagenet_weights.PINNED.values():
        assert re.fullmatch("[0-9a-f]+", digest.hex)
        assert len(digest.hex) == 2 * hashlib.new(digest.algorithm).digest_size


def test_v3_digests_are_those_that_keras_pins():
    from keras.src.applications.mobilenet_v3 import WEIGHTS_HASHES

    for name, (with_top, _) in WEIGHTS_HASHES.items():
        pinned = imagenet_weights.PINNED[f"weights_mobilenet_v3_{name}.h5"]
        assert pinned == Digest("md5", with_top)
