"""A SavedModel that does more than compute is refused before TensorFlow sees it; it writes nothing.

What it writes would be e.g. a line of authorized_keys.
"""

import contextlib
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from commands import ROOT
from user_models import functional, refusal, run, saved

from models.command_line.errors import DeviceError, RequestError
from models.keras_files import known_operators, reduced_saved_model, saved_graph
from models.keras_files.known_operators import KNOWN
from models.keras_files.user_model import load_user_model
from models.untrusted_files import confinement
from models.untrusted_files.confinement import CONNECT_VERSION

pytestmark = pytest.mark.usefixtures("fresh_keras")

SHAPE = (1, 8, 8, 3)


@pytest.fixture
def written(tmp_path):
    """The folder in which hostile models would write; nothing is in it when the test ends."""
    folder = tmp_path / "written"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


def exported(folder, compute, prepare=lambda module: None, **further):
    """A SavedModel whose signature is ``compute`` of an image, of a module after ``prepare``."""
    import tensorflow as tf

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(SHAPE)])
        def __call__(self, image):
            return compute(image)

    module = Net()
    prepare(module)
    signatures = {"serving_default": module.__call__, **further}
    tf.saved_model.save(module, str(folder / "m"), signatures=signatures)
    return folder / "m"


def plain(image):
    import tensorflow as tf

    return tf.reduce_mean(image, (1, 2))


def read_pb(path):
    return saved_graph._read(path)


def edited(path, edit):
    """``path`` after ``edit`` of the first graph in its saved_model.pb."""
    model = read_pb(path)
    edit(model.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(model.SerializeToString())
    return path


# Operators that write, read or run


def operators(folder):
    """(what the refusal says, a call of the operator) for files in ``folder``."""
    import tensorflow as tf

    raw = tf.raw_ops
    at = str(folder / "x")

    def summary(image):
        writer = raw.SummaryWriter(shared_name="w", container="")
        raw.CreateSummaryFileWriter(
            writer=writer, logdir=str(folder), max_queue=1, flush_millis=1, filename_suffix=""
        )
        step = tf.constant(1, tf.int64)
        raw.WriteScalarSummary(writer=writer, step=step, tag="t", value=image[0, 0, 0, 0])

    def dataset(image):
        names = tf.constant("/etc/hostname")
        raw.TextLineDataset(
            filenames=names, compression_type="", buffer_size=tf.constant(0, tf.int64)
        )

    return {
        "PrintV2": lambda image: tf.print("ssh-ed25519 AAAA", output_stream=f"file://{at}"),
        "MergeV2Checkpoints": lambda image: raw.MergeV2Checkpoints(
            checkpoint_prefixes=[str(folder / "a")], destination_prefix=at
        ),
        "SaveV2": lambda image: raw.SaveV2(
            prefix=at, tensor_names=["t"], shape_and_slices=[""], tensors=[image]
        ),
        "WriteScalarSummary": summary,
        "TextLineDataset": dataset,
        "DebugIdentityV3": lambda image: raw.DebugIdentityV3(
            input=image, tensor_name="t:0", debug_urls=[f"file://{folder}"]
        ),
        "WriteFile": lambda image: tf.io.write_file(at, "x"),
        "ReadFile": lambda image: tf.io.read_file("/etc/hostname"),
        "ImmutableConst": lambda image: raw.ImmutableConst(
            dtype=tf.uint8, shape=[4], memory_region_name="/etc/hostname"
        ),
        "EagerPyFunc": lambda image: tf.py_function(lambda x: x, [image], tf.float32),
    }


NAMES = (
    "PrintV2", "MergeV2Checkpoints", "SaveV2", "WriteScalarSummary", "TextLineDataset",
    "DebugIdentityV3", "WriteFile", "ReadFile", "ImmutableConst", "EagerPyFunc",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_operator_that_does_not_compute_is_refused_by_name(name, tmp_path, written):
    call = operators(written)[name]

    def compute(image):
        call(image)
        return plain(image)

    line = refusal(exported(tmp_path, compute))
    assert name in line and ": export the model without it" in line


def test_an_operator_in_a_function_of_a_function_is_refused(tmp_path, written):
    import tensorflow as tf

    def compute(image):
        inner = tf.function(lambda x: operators(written)["WriteFile"](x) and x, autograph=False)
        return tf.cond(image[0, 0, 0, 0] > 0, lambda: plain(image), lambda: plain(inner(image)))

    assert "WriteFile" in refusal(exported(tmp_path, compute))


def test_an_operator_that_a_function_has_the_name_of_is_refused(tmp_path, written):
    def compute(image):
        operators(written)["PrintV2"](image)
        return plain(image)

    def edit(meta):
        function = meta.graph_def.library.function.add()
        function.signature.name = "PrintV2"

    assert "PrintV2" in refusal(edited(exported(tmp_path, compute), edit))


def test_a_constant_that_is_an_object_is_refused(tmp_path):
    """A serialized data set, say, which reads files."""

    path = exported(tmp_path, lambda image: plain(image) * [1.0, 2.0, 3.0])

    def every_constant(meta):
        for function in meta.graph_def.library.function:
            for node in function.node_def:
                if node.op == "Const":
                    node.attr["value"].tensor.Clear()
                    node.attr["value"].tensor.dtype = 21

    assert "Const of objects" in refusal(edited(path, every_constant))


def test_what_no_signature_needs_is_left_out_and_never_runs(tmp_path, written):
    """E.g. the functions by which every SavedModel can save itself again."""
    import tensorflow as tf

    def prepare(module):
        @tf.function(input_signature=[])
        def writes():
            tf.io.write_file(str(written / "x"), "x")

        module.writes = writes
        writes.get_concrete_function()

    path = exported(tmp_path, plain, prepare)
    assert load_user_model(path).outputs
    left = saved_graph.chosen(path).reduced.meta_graphs[0]
    kinds = {node.op for node in saved_graph.nodes(left.graph_def)}
    assert kinds <= KNOWN and "StatefulPartitionedCall" not in kinds
    whole = {node.op for node in saved_graph.nodes(read_pb(path).meta_graphs[0].graph_def)}
    assert {"WriteFile", "SaveV2", "MergeV2Checkpoints"} <= whole


def test_a_second_graph_in_the_file_is_never_loaded(tmp_path, written):
    """TensorFlow loads such a file in the way of version 1, which runs its initializer."""
    path = exported(tmp_path, plain)
    model = read_pb(path)
    other = model.meta_graphs.add()
    other.CopyFrom(model.meta_graphs[0])
    other.meta_info_def.tags[:] = ["other"]
    (path / "saved_model.pb").write_bytes(model.SerializeToString())
    images = np.random.default_rng(0).uniform(0, 1, SHAPE).astype(np.float32)
    found = run(load_user_model(path).keras_model, images)
    np.testing.assert_allclose(found, images.mean((1, 2)), atol=1e-6)


# What runs while a model is loaded


def test_a_resource_whose_initializer_writes_is_refused(tmp_path, written):
    import tensorflow as tf
    from tensorflow.python.ops import lookup_ops
    from tensorflow.python.trackable.resource import TrackableResource

    class Writing(TrackableResource):
        def _create_resource(self):
            return lookup_ops.gen_lookup_ops.mutable_hash_table_v2(
                key_dtype=tf.string, value_dtype=tf.int64
            )

        def _initialize(self):
            tf.print("ssh-ed25519 AAAA", output_stream=f"file://{written / 'keys'}")

    def prepare(module):
        module.resource = Writing()
        module.resource.resource_handle  # noqa: B018

    path = exported(tmp_path, plain, prepare)
    for file in written.iterdir():  # saving called it in this process
        file.unlink()
    line = refusal(path)
    assert (
        "a resource, e.g. a table, which is made when it is loaded" in line
        and "model.export(folder)" in line
    )


def test_a_table_of_class_names_is_refused_with_what_to_do(tmp_path):
    import tensorflow as tf

    names = tmp_path / "labels.txt"
    names.write_text("cat\ndog\nbird\n")

    def prepare(module):
        text, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        reading = tf.lookup.TextFileInitializer(str(names), tf.int64, number, tf.string, text)
        module.table = tf.lookup.StaticHashTable(reading, "?")

    assert "without names of classes" in refusal(exported(tmp_path, plain, prepare))


def test_a_table_that_the_network_does_not_need_is_left_out(tmp_path):
    import tensorflow as tf

    def prepare(module):
        words = tf.lookup.KeyValueTensorInitializer(["cat", "dog"], tf.constant([0, 1], tf.int64))
        module.table = tf.lookup.StaticHashTable(words, -1)

    path = exported(tmp_path, plain, prepare)
    images = np.random.default_rng(0).uniform(0, 1, SHAPE).astype(np.float32)
    found = run(load_user_model(path).keras_model, images)
    np.testing.assert_allclose(found, images.mean((1, 2)), atol=1e-6)
    left = saved_graph.chosen(path).reduced.meta_graphs[0]
    kinds = {node.op for node in saved_graph.nodes(left.graph_def)}
    assert not any("Table" in kind for kind in kinds)


def test_a_table_that_the_network_reads_is_refused_with_what_to_do(tmp_path):
    import tensorflow as tf

    numbers = tf.lookup.KeyValueTensorInitializer(tf.constant([0, 1], tf.int64), [1.0, 2.0])

    def prepare(module):
        module.table = tf.lookup.StaticHashTable(numbers, -1.0)
        tables.append(module.table)

    def compute(image):
        return plain(image) * tables[0].lookup(tf.constant([1], tf.int64))

    tables: list = []
    line = refusal(exported(tmp_path, compute, prepare))
    assert "LookupTableFindV2" in line and "export a signature that ends before" in line


def test_what_the_loading_process_answers_is_held_against_the_list(tmp_path, monkeypatch):
    """Whoever had got hold of that process could have the parent run anything."""
    path = exported(tmp_path, plain)
    monkeypatch.setattr(known_operators, "KNOWN", KNOWN - {"Identity"})
    monkeypatch.setattr(reduced_saved_model, "_check", lambda *_: None)
    assert "runs Identity" in refusal(path)


def version1(folder, main_op=None, restoring=None):
    """A SavedModel of TensorFlow 1; ``main_op`` and ``restoring`` make operators of a graph."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        image = v1.placeholder(tf.float32, (None, 8, 8, 3), name="image")
        kernel = v1.get_variable("kernel", (3, 2), initializer=v1.ones_initializer())
        output = tf.matmul(tf.reduce_mean(image, (1, 2)), kernel)
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver()
        builder = v1.saved_model.Builder(str(folder / "m"))
        signature = v1.saved_model.predict_signature_def({"x": image}, {"y": output})
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, saver=saver,
            main_op=main_op() if main_op else None,
        )  # fmt: skip
        builder.save()
        extra = restoring() if restoring else None
        graph = session.graph.as_graph_def() if restoring else None
    if not restoring:
        return folder / "m"

    def edit(meta):
        before = {node.name for node in meta.graph_def.node}
        meta.graph_def.node.extend(node for node in graph.node if node.name not in before)
        restore = next(n for n in meta.graph_def.node if n.name == meta.saver_def.restore_op_name)
        restore.input.append(f"^{extra.name}")

    return edited(folder / "m", edit)


def print_to(written):
    import tensorflow as tf

    return tf.print("ssh-ed25519 AAAA", output_stream=f"file://{written / 'keys'}")


def test_an_initializer_of_version_1_is_refused(tmp_path, written):
    line = refusal(version1(tmp_path, main_op=lambda: print_to(written)))
    assert "runs an initializer when it is loaded (PrintV2" in line


def test_what_restoring_runs_besides_is_refused(tmp_path, written):
    line = refusal(version1(tmp_path, restoring=lambda: print_to(written)))
    assert "PrintV2" in line


def test_weights_restored_from_another_place_are_refused(tmp_path):
    import tensorflow as tf

    def elsewhere():
        return tf.raw_ops.RestoreV2(
            prefix="/elsewhere/variables", tensor_names=["x"], shape_and_slices=[""],
            dtypes=[tf.float32], name="elsewhere",
        )[0].op  # fmt: skip

    assert "RestoreV2" in refusal(version1(tmp_path, restoring=elsewhere))


def test_a_plain_model_of_version_1_is_opened(tmp_path):
    found = load_user_model(version1(tmp_path))
    images = np.random.default_rng(0).uniform(0, 1, SHAPE).astype(np.float32)
    expected = images.mean((1, 2)) @ np.ones((3, 2), np.float32)
    np.testing.assert_allclose(run(found.keras_model, images), expected, atol=1e-6)


# Sizes, and what is in the folder


def test_a_constant_that_declares_more_than_it_holds_is_refused(tmp_path):
    def compute(image):
        return plain(image) * [1.0, 2.0, 3.0]

    def edit(meta):
        node = next(
            node
            for node in saved_graph.nodes(meta.graph_def)
            if node.op == "Const" and list(node.attr["value"].tensor.tensor_shape.dim)
            and node.attr["value"].tensor.dtype == 1
        )  # fmt: skip
        tensor = node.attr["value"].tensor
        tensor.Clear()
        tensor.dtype = 1
        tensor.float_val.append(1.0)
        for _ in range(2):
            tensor.tensor_shape.dim.add().size = 1 << 20

    assert "parameters; expected at most" in refusal(edited(exported(tmp_path, compute), edit))


def test_weights_that_are_a_pipe_are_refused(tmp_path):
    path = saved(functional(), "folder", tmp_path)
    data = path / "variables/variables.data-00000-of-00001"
    data.unlink()
    os.mkfifo(data)
    assert "is a named pipe" in refusal(path)


CONFINED = """
import os, socket, sys
from models.untrusted_files.confinement import confine
folder, port = sys.argv[1], int(sys.argv[2])
confine(60)
def tried(name, work):
    try:
        work()
    except OSError as error:
        return
    print(name)
tried("write", lambda: open(folder + "/there", "a").write("x" * 100_000))
tried("make", lambda: open(folder + "/new", "w").write("x" * 100_000))
print("read", open(folder + "/there").read())
if sys.argv[3:] == ["landlock"]:
    tried("empty", lambda: open(folder + "/there", "w"))
    tried("truncate", lambda: os.truncate(folder + "/there", 0))
    tried("remove", lambda: os.remove(folder + "/there"))
    tried("move", lambda: os.rename(folder + "/there", folder + "/moved"))
    tried("folder", lambda: os.mkdir(folder + "/made"))
    tried("link", lambda: os.symlink("/", folder + "/link"))
    tried("connect", lambda: socket.create_connection(("127.0.0.1", port), 5))
    tried("run", lambda: os.execv("/bin/echo", ["/bin/echo", "ran"]))
"""


def test_a_confined_process_reads_and_does_nothing_else(tmp_path):
    (tmp_path / "there").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [str(tmp_path), str(server.getsockname()[1])]
        words += ["landlock"] if confinement.landlock_version() >= CONNECT_VERSION else []
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, *words], cwd=ROOT, capture_output=True, text=True
        )
    assert done.stdout == "read kept\n", done.stdout + done.stderr
    assert [file.name for file in tmp_path.iterdir()] == [
        "there"
    ] or confinement.landlock_version() < 1
    assert (tmp_path / "there").read_text() == "kept"


def test_what_the_list_of_operators_lets_through_writes_nothing(tmp_path, written, monkeypatch):
    """The process in which a model is loaded can write nothing, whatever it is led to do."""
    monkeypatch.setattr(reduced_saved_model, "_refuse_initializers", lambda *_: None)
    monkeypatch.setattr(known_operators, "KNOWN", KNOWN | {"PrintV2", "StringFormat"})
    path = version1(tmp_path, restoring=lambda: print_to(written))
    with contextlib.suppress(RequestError):
        load_user_model(path)


def test_a_kernel_without_landlock_is_said(tmp_path, monkeypatch):
    path = exported(tmp_path, plain)
    is_there = confinement.landlock_version() >= 1
    assert (saved_graph.UNCONFINED in saved_graph.chosen(path).notes) != is_there
    monkeypatch.setattr(confinement, "landlock_version", lambda: -1)
    assert saved_graph.UNCONFINED in load_user_model(path).notes


def test_a_process_that_is_ended_while_it_loads_a_model_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_graph, "TIME_LIMIT_S", 0.1)
    with pytest.raises(DeviceError, match=r"was not loaded within 0\.1 s"):
        load_user_model(exported(tmp_path, plain))
    killed = "import os; os.kill(os.getpid(), 9)"
    line = [sys.executable, "-c", killed]
    monkeypatch.setattr(saved_graph, "TIME_LIMIT_S", 60)
    monkeypatch.setattr(saved_graph, "module_command", lambda *_: line)
    with pytest.raises(DeviceError, match="its process ended by signal 9"):
        load_user_model(tmp_path / "m")


def test_every_operator_of_the_list_is_one_of_tensorflow():
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.python.client import pywrap_tf_session

    buffer = pywrap_tf_session.TF_GetAllOpList()
    there = {op.name for op in OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer)).op}
    assert there >= KNOWN


def test_a_damaged_graph_is_refused(tmp_path):
    path = exported(tmp_path, plain)

    def edit(meta):
        meta.object_graph_def.nodes[0].children[0].node_id = 1 << 20

    with pytest.raises(RequestError):
        load_user_model(edited(path, edit))
