"""From outputs to accuracy: every figure on cases small enough to count by hand."""

import math

import numpy as np
import pytest
from tiny_models import write_images

from bench.measurement import accuracy
from bench.measurement.accuracy import ClassChange, Flip, evaluate
from models.data.dataset import open_dataset
from models.data.image_source import ImageSize
from quantize.evaluate.output_comparison import FLOOR_DB, OutputComparison, Outputs, probabilities

NAN = np.nan


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """30 images, called ``data.npz[0]`` and so on."""
    monkeypatch.chdir(tmp_path)
    write_images("data.npz")
    return open_dataset("data.npz", "DATA", ImageSize(8, 8, 3), None)


def evaluated(dataset, outputs, labels=None, reference=None, kind="softmax", indices=None):
    outputs = np.asarray(outputs, np.float32)
    return evaluate(
        outputs,
        None if labels is None else np.asarray(labels),
        None if reference is None else np.asarray(reference, np.float32),
        kind,
        np.arange(len(outputs)) if indices is None else np.asarray(indices),
        dataset,
    )


def test_top1_and_agreement_are_counted(dataset):
    found = evaluated(
        dataset,
        outputs=[[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]],
        labels=[0, 0, 1],
        reference=[[0.7, 0.3], [0.6, 0.4], [0.3, 0.7]],
    )
    assert (found.images, found.correct, found.agreeing) == (3, 1, 1)
    assert found.top1 == found.agreement == pytest.approx(1 / 3)


def test_what_is_not_known_is_none(dataset):
    outputs = [[0.9, 0.1]]
    unlabelled = evaluated(dataset, outputs, reference=outputs)
    assert (unlabelled.correct, unlabelled.correct_top5, unlabelled.classes) == (None, None, ())
    assert unlabelled.agreeing == 1
    alone = evaluated(dataset, outputs, labels=[0])
    assert (alone.correct, alone.agreeing, alone.sqnr_db, alone.cosine) == (1, None, None, None)
    assert alone.mean_softmax_change is None and alone.flips == () and alone.classes == ()


def test_top5_counts_the_five_largest_and_the_lower_class_where_they_tie(dataset):
    descending = [7, 6, 5, 4, 3, 2, 1]
    found = evaluated(dataset, [descending] * 3, labels=[4, 5, 0], kind="logits")
    assert (found.correct, found.correct_top5) == (1, 2)
    assert found.top5 == pytest.approx(2 / 3)
    tied = evaluated(dataset, [[1] * 7] * 2, labels=[4, 5], kind="logits")
    assert tied.correct_top5 == 1


@pytest.mark.parametrize("classes, known", [(1, False), (5, False), (6, True)])
def test_top5_of_five_classes_says_nothing(dataset, classes, known):
    found = evaluated(dataset, np.zeros((1, classes)), labels=[0])
    assert (found.correct_top5 is not None) == known


def test_sqnr_and_cosine_are_of_all_outputs(dataset):
    found = evaluated(dataset, [[3, 4.5]], reference=[[3, 4]], kind="logits")
    assert found.sqnr_db == pytest.approx(10 * math.log10(25 / 0.25))
    assert found.cosine == pytest.approx((9 + 18) / (5 * math.sqrt(9 + 4.5**2)))
    same = evaluated(dataset, [[3, 4]], reference=[[3, 4]], kind="logits")
    assert same.sqnr_db is None and same.cosine == pytest.approx(1)


def test_softmax_change_is_the_largest_of_any_class(dataset):
    found = evaluated(
        dataset,
        outputs=[[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]],
        reference=[[0.6, 0.35, 0.05], [0.1, 0.2, 0.7]],
    )
    assert found.worst_softmax_change == pytest.approx(0.15)
    assert found.mean_softmax_change == pytest.approx(0.075)


def test_logits_go_through_softmax_first(dataset):
    found = evaluated(
        dataset, [[math.log(3), 0]], reference=[[1000 + math.log(9), 1000]], kind="logits"
    )
    assert found.worst_softmax_change == pytest.approx(0.9 - 0.75, abs=1e-5)


def test_one_output_is_two_probabilities(dataset):
    found = probabilities(np.array([[0.3]]), "sigmoid")
    assert found == pytest.approx(np.array([[0.7, 0.3]]))
    found = probabilities(np.array([[math.log(3)], [-1000]]), "logits")
    assert found == pytest.approx(np.array([[0.25, 0.75], [1, 0]]))
    found = evaluated(dataset, [[0.6], [0.1]], [1, 1], [[0.4], [0.1]], kind="sigmoid")
    assert (found.correct, found.agreeing) == (1, 1)
    assert found.worst_softmax_change == pytest.approx(0.2)
    assert found.classes == (ClassChange(1, "1", 2, 0, 1),)
    assert found.flips == (Flip(0, "data.npz[0]", 1, 0, 1, pytest.approx(0.6)),)


def test_a_row_that_is_not_finite_is_never_right_nor_like_keras(dataset):
    found = evaluated(
        dataset,
        outputs=[[0.9, 0.1], [NAN, 0.9], [np.inf, 0]],
        labels=[0, 1, 0],
        reference=[[0.9, 0.1], [0.1, 0.9], [NAN, 0]],
    )
    assert (found.correct, found.agreeing) == (1, 1)
    assert found.worst_softmax_change == 1
    assert found.sqnr_db == pytest.approx(10 * math.log10(0.82 * 2 / 0.82))
    assert [flip.index for flip in found.flips] == [1]


def test_the_classes_that_changed_most_come_first_and_are_named(dataset):
    named = dataset.__class__(**{**vars(dataset), "class_names": ("red", "green", "blue")})
    right, wrong = np.eye(3), np.roll(np.eye(3), 1, axis=1)
    labels = [0, 0, 1, 1, 2, 2]
    reference = [right[0], right[0], wrong[1], wrong[1], right[2], right[2]]
    outputs = [wrong[0], right[0], right[1], right[1], right[2], right[2]]
    found = evaluated(named, outputs, labels, reference)
    assert found.classes == (ClassChange(1, "green", 2, 0, 2), ClassChange(0, "red", 2, 2, 1))


def test_at_most_ten_classes_are_named(dataset):
    labels = np.arange(12)
    found = evaluated(dataset, np.roll(np.eye(12), 1, axis=1), labels, np.eye(12))
    assert [change.label for change in found.classes] == list(range(10))


def test_the_flips_that_keras_was_surest_of_are_kept(dataset, monkeypatch):
    monkeypatch.setattr(accuracy, "CHUNK_VALUES", 6)  # 3 images at a time
    sure = 0.5 + np.arange(1, 15) / 40
    reference = np.stack([sure, 1 - sure], axis=1)
    found = evaluated(
        dataset, reference[:, ::-1], np.ones(14, int), reference, indices=range(5, 19)
    )
    assert [flip.index for flip in found.flips] == list(range(18, 8, -1))
    assert found.flips[0] == Flip(18, "data.npz[18]", 1, 0, 1, pytest.approx(0.85))
    assert evaluated(dataset, reference, None, reference).flips == ()


def test_pieces_add_up_to_the_whole_also_from_disk(dataset, tmp_path, monkeypatch):
    noise = np.random.default_rng(1)
    reference = noise.standard_normal((30, 7)).astype(np.float32)
    outputs = reference + noise.standard_normal((30, 7)).astype(np.float32) / 2
    whole = evaluated(dataset, outputs, np.arange(30) % 7, reference, "logits")
    for name, values in (("outputs", outputs), ("reference", reference)):
        np.save(tmp_path / f"{name}.npy", values)
    monkeypatch.setattr(accuracy, "CHUNK_VALUES", 28)
    found = evaluate(
        np.load(tmp_path / "outputs.npy", mmap_mode="r"),
        np.arange(30) % 7,
        np.load(tmp_path / "reference.npy", mmap_mode="r"),
        "logits",
        np.arange(30),
        dataset,
    )
    assert found.sqnr_db == pytest.approx(whole.sqnr_db)
    assert found.mean_softmax_change == pytest.approx(whole.mean_softmax_change)
    counts = ("correct", "correct_top5", "agreeing", "classes", "flips")
    assert [getattr(found, name) for name in counts] == [getattr(whole, name) for name in counts]
    assert len(whole.flips) > 3


@pytest.mark.parametrize(
    "reference, labels, message",
    [
        (np.zeros((2, 3)), None, "the reference"),
        (None, [0], "1 labels for 2 rows"),
    ],
)
def test_rows_that_do_not_match_are_refused(dataset, reference, labels, message):
    with pytest.raises(ValueError, match=message):
        evaluated(dataset, np.zeros((2, 2)), labels, reference)


def test_nothing_but_noise_is_the_lowest_figure_there_is():
    comparison = OutputComparison()
    comparison.add(Outputs.of(np.zeros((1, 2)), "softmax"), Outputs.of(np.ones((1, 2)), "softmax"))
    assert comparison.sqnr_db == FLOOR_DB and comparison.cosine == 0
