"""A .tflite or .onnx file of others does not end or hang this process, nor read other files."""

import sys

import flatbuffers
import numpy as np
import onnx_models
import pytest
from onnx import TensorProto, helper, numpy_helper
from user_models import small

from models import source, trial_run
from models.command_line.errors import RequestError
from models.command_line.options import Options
from models.naming import content_sha256
from models.onnx_files.weight_files import weight_files
from models.opened_file import open_model_file
from models.tflite_files.object_tree import ObjectTree

SIDE = 32


@pytest.fixture(scope="module")
def content():
    from models.keras_files import float_graph

    return float_graph.convert(small(), SIDE, SIDE, 3)


def refused(path, opener=open_model_file) -> str:
    with pytest.raises(RequestError) as caught:
        opener(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edited(tmp_path, content, change):
    """The file ``content`` after ``change`` of its network."""
    path = tmp_path / "net.tflite"
    tree = ObjectTree.read(path, content)
    change(tree.subgraph)
    path.write_bytes(tree.packed())
    return path


def test_a_file_that_ends_its_runtime_by_a_signal_is_said_in_one_line(tmp_path, content):
    from ai_edge_litert.schema_py_generated import TensorType

    def of_a_kind_that_is_none(network):
        network.tensors[int(network.outputs[0])].type = TensorType.VARIANT

    line = refused(edited(tmp_path, content, of_a_kind_that_is_none))
    assert "ends the process that runs it, by SIGSEGV" in line


@pytest.mark.parametrize("index", [-2, 1 << 20])
@pytest.mark.parametrize("end", ["inputs", "outputs"])
def test_a_tensor_that_is_not_there_is_damage(index, end, tmp_path, content):
    def of_an_operator(network):
        setattr(network.operators[1], end, [index])

    def of_the_network(network):
        setattr(network, end, [index])

    for change in (of_an_operator, of_the_network):
        path = edited(tmp_path, content, change)
        assert f"names tensor {index}" in refused(
            path, lambda p: ObjectTree.read(p, p.read_bytes())
        )
        refused(path)


def test_a_table_that_stands_for_thousands_fills_no_memory(tmp_path):
    """In 300 KB of file: 40,000 networks, all one and the same, of 40,000 tensors likewise."""
    from ai_edge_litert import schema_py_generated as schema

    count, builder = 40_000, flatbuffers.Builder(1 << 20)

    def many(table, start):
        start(builder, count)
        for _ in range(count):
            builder.PrependUOffsetTRelative(table)
        return builder.EndVector()

    schema.TensorStart(builder)
    tensors = many(schema.TensorEnd(builder), schema.SubGraphStartTensorsVector)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    networks = many(schema.SubGraphEnd(builder), schema.ModelStartSubgraphsVector)
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, networks)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    path = tmp_path / "net.tflite"
    path.write_bytes(bytes(builder.Output()))
    assert "is damaged (MemoryError" in refused(path)


def test_a_large_file_is_opened(tmp_path, content):
    """Its size is that of its weights, which are no objects."""

    def change(network):
        network.tensors[1].name = b"n" * (64 << 20)

    assert open_model_file(edited(tmp_path, content, change)).outputs[0].shape == (1, 4)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_a_file_larger_than_its_format_allows_is_not_read(suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    path.touch()
    with path.open("r+b") as file:
        file.truncate(100 << 30)  # holes, which take no room
    assert "has 107,374 MB; expected" in refused(path)
    for options in (Options(model=str(path)), Options(file=str(path))):
        assert "has 107,374 MB" in refused(options, source.resolve)


def test_a_process_that_hangs_on_a_file_is_given_up(tmp_path, content, monkeypatch):
    path = tmp_path / "net.tflite"
    path.write_bytes(content)
    line = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(trial_run, "TIME_LIMIT_S", 0.5)
    monkeypatch.setattr(trial_run, "module_command", lambda *_: line)
    assert "takes more than 0.5 s for one image" in refused(path)


def with_weights(path, **fields):
    """A network at ``path`` whose weights are a tensor of ``fields``."""
    made = onnx_models.model(
        [
            onnx_models.node("GlobalAveragePool", "x", "p"),
            onnx_models.node("Flatten", "p", "m"),
            onnx_models.node("MatMul", "m w"),
        ]
    )
    location = fields.pop("location", None)
    weights = TensorProto(name="w", data_type=1, **{"dims": [3, 4], **fields})
    if location is not None:
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    made.graph.initializer.append(weights)
    path.write_bytes(made.SerializeToString())
    return path


@pytest.mark.parametrize("place", ["../other", "/proc/kmsg", "../" * 20 + "proc/kmsg", "link"])
def test_weights_of_an_onnx_file_elsewhere_are_not_even_hashed(place, tmp_path):
    """/proc/kmsg is a file by what the system says, and reading it never ends."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "other").write_bytes(bytes(48))
    (folder / "link").symlink_to("/proc/kmsg")
    path = with_weights(folder / "net.onnx", location=place)
    assert "outside of its folder" in refused(path, weight_files)
    identity = source.resolve(Options(model=str(path))).identity
    assert "outside of its folder" in refused(path, lambda _: identity())


def test_weights_beside_an_onnx_file_are_read(tmp_path):
    (tmp_path / "net.onnx.data").write_bytes(np.ones(12, np.float32).tobytes())
    path = with_weights(tmp_path / "net.onnx", location="net.onnx.data")
    assert weight_files(path) == [tmp_path / "net.onnx.data"]
    assert open_model_file(path).outputs[0].shape == (1, 4)


def test_weights_of_another_size_than_they_are_said_to_have_are_refused(tmp_path):
    path = with_weights(tmp_path / "net.onnx", dims=[1 << 20, 1 << 20], raw_data=b"1234")
    assert "cannot be read as an .onnx file (ValueError" in refused(path)


def test_a_name_that_is_no_text_is_refused(tmp_path):
    weights = numpy_helper.from_array(np.ones((3, 4), np.float32), "w")
    path = with_weights(tmp_path / "net.onnx", raw_data=weights.raw_data)
    content = path.read_bytes()
    entry = helper.make_node("GlobalAveragePool", ["x"], ["p"]).SerializeToString()
    assert entry in content
    path.write_bytes(
        content.replace(entry, entry.replace(b"GlobalAverage", b"\xff\xfe\xfdbalAverage"))
    )
    assert "is no text" in refused(path) or "cannot be read" in refused(path)


def test_what_the_system_calls_empty_is_not_read_for_its_hash(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    (tmp_path / "log").symlink_to("/proc/kmsg")
    assert content_sha256(tmp_path)
