"""The figures of docs/models.md are drawn from the networks' own tables, and read well."""

from functools import cache
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from models import block_figures, mobilenet_v2, registry
from models.block import INPUT, OUTPUT, Arrow, Block, Box, read
from models.block_figure import svg
from models.block_layout import BOX_WIDTH, LINE_LENGTH, layout
from models.spec import ModelSpec

pytestmark = pytest.mark.usefixtures("fresh_keras")


# The others are built at full size, too, which takes seconds each.
QUICK = ("v1", "v2", "squeezenet", "shufflenet-v2")
ARCHITECTURES = [
    arch if arch in QUICK else pytest.param(arch, marks=pytest.mark.slow)
    for arch in registry.ARCHITECTURES
]


@cache
def block(arch):
    return block_figures.block(arch)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_stored_figure_is_what_the_table_gives(arch):
    stored = (block_figures.FOLDER / f"{arch}.svg").read_text(encoding="utf-8")
    drawn = svg(arch, block_figures.BLOCKS[arch], block(arch))
    assert stored == drawn, "python -m models.block_figures draws it anew"
    ElementTree.fromstring(stored)


def test_every_network_has_a_figure_and_nothing_else_has():
    assert set(block_figures.BLOCKS) == set(registry.ARCHITECTURES)
    assert {path.stem for path in block_figures.FOLDER.iterdir()} == set(registry.ARCHITECTURES)


def test_the_page_shows_every_figure():
    page = (block_figures.FOLDER.parent / "models.md").read_text(encoding="utf-8")
    missing = [arch for arch in registry.ARCHITECTURES if f"blocks/{arch}.svg" not in page]
    assert not missing


def test_layers_become_boxes_with_norm_and_activation_in_the_box_of_their_convolution():
    assert block("v2").boxes == (
        Box(INPUT, "56 x 56 x 24"),
        Box("Conv2D", "Conv 1x1", ("144 channels", "BN", "ReLU6")),
        Box("DepthwiseConv2D", "Depthwise 3x3", ("144 channels", "BN", "ReLU6")),
        Box("Conv2D", "Conv 1x1", ("24 channels", "BN")),
        Box("Add", "Add"),
        Box(OUTPUT, "56 x 56 x 24"),
    )


def test_arrows_are_the_maps_that_go_from_box_to_box():
    thin, wide = (56, 56, 24), (56, 56, 144)
    assert set(block("v2").arrows) == {
        Arrow(0, 1, thin),
        Arrow(1, 2, wide),
        Arrow(2, 3, wide),
        Arrow(0, 4, thin),
        Arrow(3, 4, thin),
        Arrow(4, 5, thin),
    }


def test_a_changed_table_changes_the_figure(monkeypatch):
    table = [row._replace(expansion=4) if row.out == 24 else row for row in mobilenet_v2.TABLE]
    monkeypatch.setattr(mobilenet_v2, "TABLE", table)
    changed = block_figures.figure("v2")
    assert "96 channels" in changed and "144 channels" not in changed


def test_a_strided_convolution_says_so_and_takes_the_padding_ahead_of_it_in():
    boxes = read(
        registry.build(ModelSpec("v2", alpha=0.35, resolution=64)),
        "block_2_add", "block_3_project_BN",
    ).boxes  # fmt: skip
    assert [box.title for box in boxes[1:-1]] == ["Conv 1x1", "Depthwise 3x3, stride 2", "Conv 1x1"]


def small_net():
    """Every kind of way through a block: a split, a branch, a shuffle, groups, a norm in front."""
    import keras
    from keras import layers

    image = keras.Input((8, 8, 8), name="image")
    x = layers.BatchNormalization(name="ahead")(image)
    past, x = keras.ops.split(x, 2, axis=-1)
    x = layers.Conv2D(4, 3, padding="same", groups=2, activation="relu", name="grouped")(x)
    beside = layers.SeparableConv2D(4, (1, 3), padding="same", use_bias=False)(x)
    pooled = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    x = layers.Concatenate()([past, beside, layers.Activation("hard_silu")(pooled)])
    x = layers.Reshape((64, 3, 4))(x)
    x = layers.Permute((1, 3, 2))(x)
    x = layers.Reshape((8, 8, 12), name="shuffled")(x)
    return keras.Model(image, layers.Conv2D(2, 1, name="last")(layers.Dropout(0.1)(x)))


def test_groups_splits_and_shuffles_are_named():
    boxes = read(small_net(), "image", "last").boxes
    assert [(box.title, box.notes) for box in boxes[1:-1]] == [
        ("BN", ()),
        ("Split", ()),
        ("Conv 3x3", ("4 channels", "2 groups", "ReLU")),
        ("Separable 1x3", ("4 channels",)),
        ("Max pool 3x3", ("h-swish",)),
        ("Concatenate", ()),
        ("Channel shuffle", ("3 groups of 4",)),
        ("Conv 1x1", ("2 channels",)),
    ]


def test_a_norm_that_shares_its_input_keeps_a_box_of_its_own():
    import keras
    from keras import layers

    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(3, 1, name="first")(image)
    keras_model = keras.Model(image, layers.Add(name="add")([x, layers.ReLU()(x)]))
    boxes = read(keras_model, "image", "add").boxes
    assert [box.title for box in boxes[1:-1]] == ["Conv 1x1", "ReLU", "Add"]


def test_a_span_that_another_way_goes_round_is_refused():
    with pytest.raises(ValueError, match="block_2_add depends on more than block_2_expand_relu"):
        read(
            registry.build(ModelSpec("v2", alpha=0.35, resolution=64)),
            "block_2_expand_relu", "block_2_add",
        )  # fmt: skip


def crossed(place, start, end) -> bool:
    """Whether a vertical or horizontal line goes through the inside of a box."""
    (left, right), (top, bottom) = (sorted(pair) for pair in zip(start, end, strict=True))
    return (
        left < place.x + place.width
        and right > place.x
        and top < place.y + place.height
        and bottom > place.y
    )


def check_nothing_overlaps(block):
    drawn = layout(block)
    for i, place in enumerate(drawn.places):
        assert place.x >= 0 and place.x + place.width <= drawn.width
        assert place.y >= 0 and place.y + place.height <= drawn.height
        assert all(len(line) <= LINE_LENGTH for line in place.lines)
        for other in drawn.places[:i]:
            opposite = other.x + other.width, other.y + other.height
            assert not crossed(place, (other.x, other.y), opposite)
        for route in drawn.routes:
            assert all(0 <= x <= drawn.width for x, _ in route.points)
            for start, end in pairwise(route.points):
                assert not crossed(place, start, end), (place.box, route)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_boxes_lie_apart_and_no_arrow_runs_through_one(arch):
    check_nothing_overlaps(block(arch))


def test_branches_shortcuts_and_shuffles_lie_apart():
    check_nothing_overlaps(read(small_net(), "image", "last"))


def test_parallel_shortcuts_run_apart():
    block = Block(
        tuple(Box("Add", str(i)) for i in range(6)),
        (*[Arrow(i, i + 1, (1,)) for i in range(5)], Arrow(0, 4, (1,)), Arrow(1, 3, (1,))),
    )
    outer, inner = (route.points[1][0] for route in layout(block).routes[-2:])
    assert outer < inner < layout(block).places[0].x


def test_branches_stand_side_by_side():
    drawn = layout(read(small_net(), "image", "last"))
    separable, pool = (
        next(p for p in drawn.places if p.box.title.startswith(word)) for word in ("Sep", "Max")
    )
    assert separable.y == pool.y
    assert abs(separable.x - pool.x) > BOX_WIDTH
