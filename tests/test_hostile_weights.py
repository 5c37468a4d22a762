"""A file of weights gives nothing but what it holds: not one byte of the reader's other files."""

import struct

import h5py
import numpy as np
import pytest
from hostile_files import edited, first_array, replaced, secret_file, secret_hdf5
from user_models import functional, refusal, saved, small

from models.command_line.errors import RequestError
from models.keras_files.user_model import load_user_model
from models.untrusted_files import hdf5_file, memory_limit
from models.weights.weights_file import read_layers

pytestmark = pytest.mark.usefixtures("fresh_keras")

EVERY = 5  # of the objects in a file that are damaged; odd, so that each kind of damage is done


def external_storage(folder):
    path = secret_file(folder)

    def make(group, name, shape):
        size = 4 * int(np.prod(shape))
        group.create_dataset(name, shape, np.float32, external=[(str(path), 0, size)])

    return make, f"has external storage, in '{path}'"


def external_link(folder):
    path = secret_hdf5(folder)

    def make(group, name, shape):
        group[name] = h5py.ExternalLink(str(path), "/secret")

    return make, f"is an external link, into '{path}'"


def virtual_dataset(folder):
    path = secret_hdf5(folder)

    def make(group, name, shape):
        layout = h5py.VirtualLayout(shape, np.float32)
        layout[...] = h5py.VirtualSource(str(path), "secret", shape)
        group.create_virtual_dataset(name, layout)

    return make, "is a virtual dataset"


def soft_link(folder):
    def make(group, name, shape):
        group[name] = h5py.SoftLink("/somewhere/else")

    return make, "is a soft link, to '/somewhere/else'"


def plugin_filter(folder):
    """Of number 32001, Blosc: HDF5 looks for a library of that number where it is told to."""

    def make(group, name, shape):
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk(shape or (1,))
        made.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (0,))
        space = h5py.h5s.create_simple(shape)
        h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, made)

    return make, "is packed by filter 32001, a plugin"


REACHING_OUT = [external_storage, external_link, virtual_dataset, soft_link, plugin_filter]


def refused_weights(path) -> str:
    with pytest.raises(RequestError) as caught:
        read_layers(path)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(f"WEIGHTS '{path}'"), line
    return line


@pytest.mark.parametrize("reaching_out", REACHING_OUT)
@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_model_whose_weights_reach_out_of_it_is_refused_by_name(reaching_out, form, tmp_path):
    make, words = reaching_out(tmp_path)
    path = saved(functional(), form, tmp_path)
    edited(path, lambda file: replaced(first_array(file), make))
    assert words in refusal(path)
    assert words in refused_weights(path)


@pytest.mark.parametrize("reaching_out", REACHING_OUT)
def test_weights_that_reach_out_of_their_file_are_refused_by_name(reaching_out, tmp_path):
    make, words = reaching_out(tmp_path)
    path = tmp_path / "own.weights.h5"
    functional().save_weights(path)
    edited(path, lambda file: replaced(first_array(file), make))
    assert words in refused_weights(path)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_what_no_layer_reads_is_looked_at_as_well(form, tmp_path):
    """A reader of ours that walks the file must not be led out of it either."""
    outside = secret_hdf5(tmp_path)
    path = saved(functional(), form, tmp_path)

    def beside(file):
        file["optimizer"] = h5py.ExternalLink(str(outside), "/")

    assert "'/optimizer' is an external link" in refusal(edited(path, beside))


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_group_that_is_in_itself_is_refused(form, tmp_path):
    path = saved(functional(), form, tmp_path)

    def circle(file):
        group = first_array(file).parent
        group["again"] = group

    assert "is linked to more than once" in refusal(edited(path, circle))
    assert "is linked to more than once" in refused_weights(path)


def test_groups_too_deep_in_one_another_are_refused(tmp_path):
    path = saved(functional(), ".h5", tmp_path)
    edited(path, lambda file: file.create_group("/".join("g" * 1500)))
    assert "is too deep in others" in refusal(path)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_sizes_that_a_file_declares_and_does_not_hold_are_refused(form, tmp_path):
    """Four kilobytes of file, and numpy would be asked for a terabyte."""

    def huge(group, name, shape):
        group.create_dataset(name, (1 << 20, 1 << 20), np.uint8, chunks=(64, 64))

    path = saved(functional(), form, tmp_path)
    edited(path, lambda file: replaced(first_array(file), huge))
    assert "declares 1,099,512 MB or more" in refusal(path)
    assert "declares 1,099,512 MB or more" in refused_weights(path)


def test_zeros_packed_a_thousand_times_are_refused(tmp_path):
    path = tmp_path / "zeros.weights.h5"
    small().save_weights(path)

    def zeros(group, name, shape):
        group.create_dataset(name, data=np.zeros((4096, 1 << 15), np.uint8), compression="gzip")

    edited(path, lambda file: replaced(first_array(file), zeros))
    assert "declares 134 MB or more" in refused_weights(path)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_text_among_the_weights_is_refused(form, tmp_path):
    """Each of its elements may be the same megabyte of the file."""

    def text(group, name, shape):
        group.create_dataset(name, shape, h5py.string_dtype())

    path = saved(functional(), form, tmp_path)
    edited(path, lambda file: replaced(first_array(file), text))
    assert "holds no numbers" in refusal(path)
    assert "holds no numbers" in refused_weights(path)


def same_text_many_times(path, item: str, key: str) -> None:
    """Make each of 4,000 elements of an attribute the same 8 MB of the file: 32 GB in memory."""
    count, size = 4000, 8 << 20
    others = [f"name{number}" for number in range(count - 1)]
    with h5py.File(path, "r+") as file:
        file[item].attrs.create(key, ["Q" * size, *others], dtype=h5py.string_dtype())
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<I", size))  # length, address of a heap, number in it
    while struct.unpack_from("<I", content, at + 16)[0] != len(others[0]):
        at = content.index(struct.pack("<I", size), at + 1)
    content[at : at + 16 * count] = bytes(content[at : at + 16]) * count
    path.write_bytes(content)


@pytest.mark.skipif(not memory_limit.STATM.exists(), reason="the system does not tell the memory")
@pytest.mark.parametrize("key", ["layer_names", "layer_names0"])
def test_names_that_all_are_the_same_megabytes_are_not_read(key, tmp_path):
    path = saved(small(), ".h5", tmp_path)
    same_text_many_times(path, "model_weights", key)
    assert "memory allocation failed" in refusal(path)
    assert "memory allocation failed" in refused_weights(path)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_a_chunk_that_is_larger_than_its_array_counts_as_it_is_unpacked(form, tmp_path):
    """HDF5 unpacks a whole chunk to give one number of it."""

    def chunk(group, name, shape):
        group.create_dataset(
            name, shape, np.float32, maxshape=(None,) * len(shape), compression="gzip",
            chunks=(1 << 28, *(1,) * (len(shape) - 1)),
        )  # fmt: skip

    path = saved(functional(), form, tmp_path)
    edited(path, lambda file: replaced(first_array(file), chunk))
    assert "declares 1,074 MB or more" in refusal(path)
    assert "declares 1,074 MB or more" in refused_weights(path)


def test_a_file_that_is_mostly_holes_is_refused(tmp_path):
    """A hundred gigabytes by its size, thirty kilobytes on the disk."""

    def holes(group, name, shape):
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((25_000_000_000,))
        h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, made)

    path = saved(functional(), ".h5", tmp_path)
    edited(path, lambda file: replaced(first_array(file), holes))
    assert "declares 100,000 MB or more" in refusal(path)
    assert "declares 100,000 MB or more" in refused_weights(path)


def test_more_objects_or_attributes_than_a_model_has_are_refused(tmp_path):
    def objects(file):
        for number in range(hdf5_file.MAX_OBJECTS):
            file.create_group(f"x/{number}")

    def attributes(file):
        for number in range(hdf5_file.MAX_ATTRIBUTES):
            file["model_weights"].attrs[f"layer_names{number}"] = [b"a"]

    for many in (attributes, objects):
        path = saved(small(), ".h5", tmp_path)
        edited(path, many)
        assert "has more in it than a model" in refusal(path)
        assert "has more in it than a model" in refused_weights(path)


@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_records_complex_numbers_and_nothing_are_no_weights(form, tmp_path):
    kinds = [
        lambda group, name, shape: group.create_dataset(name, shape, [("a", h5py.string_dtype())]),
        lambda group, name, shape: group.create_dataset(name, shape, np.complex64),
        lambda group, name, shape: group.create_dataset(name, data=h5py.Empty(np.float32)),
    ]
    for kind in kinds:
        path = saved(functional(), form, tmp_path)
        edited(path, lambda file, kind=kind: replaced(first_array(file), kind))
        for line in (refusal(path), refused_weights(path)):
            assert "holds no numbers" in line or "Empty datasets" in line


@pytest.mark.parametrize("where", ["../id_ed25519", "{folder}/id_ed25519", "link"])
def test_an_onnx_file_whose_weights_are_elsewhere_is_refused(where, tmp_path):
    """Held by the onnx package: this is the promise that it keeps to."""
    from onnx import TensorProto, helper

    from models.opened_file import open_model_file

    secret_file(tmp_path)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "id_ed25519")
    weights = TensorProto(name="w", data_type=1, dims=[3, 4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", where.format(folder=tmp_path)), ("length", "48")):
        weights.external_data.add(key=key, value=value)
    ends = [
        helper.make_tensor_value_info(name, 1, shape)
        for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 4]))
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(RequestError, match=r"cannot be read as an \.onnx file"):
        open_model_file(path)


def shapes_of_damage(file):
    """Every (name, damage) of what is in the open ``file``: another kind, other attributes."""
    names = []
    file.visit(names.append)

    def as_group(name):
        del file[name]
        file.create_group(name)

    def as_array(name):
        del file[name]
        file[name] = np.arange(3.0)

    def as_scalar(name):
        del file[name]
        file[name] = np.float32(1)

    def other_attributes(name):
        for key in list(file[name].attrs):
            file[name].attrs[key] = 7

    damages = [as_group, as_array, as_scalar, other_attributes]
    return [(name, damage) for name in ("", *names) for damage in damages if name or damage is
            other_attributes]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_any_object_of_another_kind_is_refused_in_one_line_or_read(form, tmp_path):
    whole = saved(small(), form, tmp_path).read_bytes()
    path = tmp_path / f"damaged{form}"
    number = 0
    while True:
        path.write_bytes(whole)
        found = []

        def damage(file, found=found, number=number):
            found += shapes_of_damage(file)
            if number < len(found):
                name, change = found[number]
                change(name or "/")

        edited(path, damage)
        if number >= len(found):
            assert number > EVERY
            return
        for opener in (load_user_model, read_layers):
            try:
                opener(path)
            except RequestError as error:
                assert "\n" not in str(error), found[number]
        number += EVERY
