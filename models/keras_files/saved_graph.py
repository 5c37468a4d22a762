"""The function of a SavedModel that answers requests: which one it is, and its frozen graph."""

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from models.command_line.errors import RequestError
from models.keras_files import training_mode
from models.keras_files.stored_model import brief
from models.keras_files.traced import imported

# A SavedModel is a graph, not Python, but these let it touch files or run Python all the same.
UNSAFE_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile"})
SIGNATURE = "serving_default"
APART = ("_XlaMustCompile", "_noinline")  # marks of a function that is to stay one
NOT_FOR_IMAGES = ("__saved_model_init_op", "__saved_model_train_op", "train", "eval")


@dataclass(frozen=True)
class ChosenFunction:
    """The signature of a SavedModel that is exported; ``is_version1`` tells TensorFlow 1's form.

    ``changed`` is the whole of its saved_model.pb where that is not what the folder has.
    """

    path: Path
    tags: tuple[str, ...]
    signature: str
    definition: object
    is_version1: bool
    notes: tuple[str, ...]
    changed: object = None

    @property
    def outputs(self) -> list[str]:
        """The names of its outputs, in their order."""
        return sorted(self.definition.outputs)


def chosen(path: Path) -> ChosenFunction:
    """The function of the folder at ``path``: ``serving_default``, or the only one it has.

    RequestError for a folder that is none, that does more than compute, or that leaves the choice.
    """
    saved = _read(path)
    _refuse_unsafe(path, saved)
    metas = sorted(saved.meta_graphs, key=lambda m: "serve" not in m.meta_info_def.tags)
    if not metas:
        raise RequestError(f"MODEL '{path}' has no graph in its saved_model.pb; export it again")
    meta = metas[0]
    signatures = {
        name: definition
        for name, definition in meta.signature_def.items()
        if name not in NOT_FOR_IMAGES and definition.inputs
    }
    name = SIGNATURE if SIGNATURE in signatures else next(iter(signatures), None)
    if name is None or (name != SIGNATURE and len(signatures) > 1):
        known = ", ".join(sorted(signatures)) or "none"
        raise RequestError(
            f"MODEL '{path}' has signatures: {known}; expected {SIGNATURE}, which "
            "model.export(folder) writes, or a single one"
        )
    notes = () if name == SIGNATURE else (f"the SavedModel's only signature is {name}",)
    is_version1 = not meta.HasField("object_graph_def")
    layers = training_mode.switched_off(meta.graph_def, signatures[name])
    if layers:
        notes += (
            f"stored to run as in training: {', '.join(layers)}; runs on the moving statistics",
        )
    tags = tuple(meta.meta_info_def.tags)
    changed = saved if _inlinable(meta.graph_def) or layers else None
    return ChosenFunction(path, tags, name, signatures[name], is_version1, notes, changed)


def frozen(function: ChosenFunction):
    """The function as a concrete one without variables: one tensor for each input and output."""
    import tensorflow as tf

    try:
        if function.is_version1:
            return _frozen_version1(function)
        with _folder(function) as folder:
            loaded = tf.saved_model.load(str(folder), tags=list(function.tags))
        concrete = loaded.signatures[function.signature]
    except RequestError:
        raise
    except Exception as error:  # TensorFlow raises whatever its loader ran into
        raise RequestError(
            f"MODEL '{function.path}' does not load in TensorFlow {tf.__version__} "
            f"({brief(error)}); export the model again"
        ) from error
    definition = concrete.graph.as_graph_def()
    _refuse_randomness(function.path, definition)
    _refuse_training(function.path, definition)
    return _without_variables(function.path, concrete)


@contextlib.contextmanager
def _folder(function: ChosenFunction):
    """The SavedModel's folder, or one like it with the graph that was changed."""
    if function.changed is None:
        yield function.path
        return
    with tempfile.TemporaryDirectory() as temporary:
        for entry in function.path.absolute().iterdir():
            if entry.name not in ("saved_model.pb", "fingerprint.pb"):
                (Path(temporary) / entry.name).symlink_to(entry)
        content = function.changed.SerializeToString()
        (Path(temporary) / "saved_model.pb").write_bytes(content)
        yield temporary


def _without_variables(path, concrete):
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    try:
        return _unordered(convert_variables_to_constants_v2(concrete, lower_control_flow=False))
    except Exception as error:  # TensorFlow raises whatever its importer ran into
        raise RequestError(
            f"MODEL '{path}' cannot be frozen ({brief(error)}); save it as .keras and use "
            "MODEL=file.keras"
        ) from error


def _unordered(frozen):
    """``frozen`` without the order that functions which became part of it kept to: nothing in it
    changes anything, and TensorFlow's optimizer ties a Pad and a convolution into a cycle by it."""
    definition = frozen.graph.as_graph_def()
    ordered = [node for node in definition.node if any(n.startswith("^") for n in node.input)]
    if not ordered:
        return frozen
    for node in ordered:
        node.input[:] = [name for name in node.input if not name.startswith("^")]
    return imported(definition, *([t.name for t in e] for e in (frozen.inputs, frozen.outputs)))


def _frozen_version1(function):
    """Variables of TensorFlow 1 are values of a session."""
    import tensorflow as tf

    v1 = tf.compat.v1
    inputs = [info.name for info in function.definition.inputs.values()]
    outputs = [function.definition.outputs[name].name for name in function.outputs]
    with tf.Graph().as_default(), v1.Session() as session:
        v1.saved_model.load(session, list(function.tags), str(function.path))
        definition = v1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), [name.partition(":")[0] for name in outputs]
        )
    _refuse_randomness(function.path, definition)
    _refuse_training(function.path, definition)
    return imported(definition, inputs, outputs)


def _read(path):
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    if not (path / "saved_model.pb").is_file():
        raise RequestError(
            f"MODEL '{path}' is a folder without saved_model.pb; expected a SavedModel folder (as "
            "model.export(folder) writes it), a .keras or an .h5 file"
        )
    try:
        return SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise RequestError(
            f"MODEL '{path}' has a damaged saved_model.pb ({brief(error)}); export the model again"
        ) from error


def nodes(definition):
    """Every node of a graph, those in its functions as well."""
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def _inlinable(definition) -> bool:
    """Let functions that are to be compiled, as Keras's grouped convolution, become part of the
    graph that calls them; True where there are any."""
    library = definition.library.function
    found = [each for each in (*nodes(definition), *library) if set(APART) & set(each.attr)]
    for each in found:
        for mark in APART:
            each.attr.pop(mark, None)
    return bool(found)


def _refuse_unsafe(path, saved):
    for meta in saved.meta_graphs:
        found = sorted({node.op for node in nodes(meta.graph_def)} & UNSAFE_OPS)
        if found:
            raise RequestError(
                f"MODEL '{path}' runs {', '.join(found)}; expected a graph that neither runs "
                "Python nor touches files: export it without"
            )


def _refuse_training(path, definition):
    """Statistics of the images that are asked about together are no network's own numbers."""
    found = next(
        (
            node.name
            for node in nodes(definition)
            if training_mode.is_training(node) or node.op in training_mode.ASSIGNMENT
        ),
        None,
    )
    if found:
        layer = found.rpartition("/")[0] or found
        raise RequestError(
            f"MODEL '{path}' runs {layer} as in training: it changes with the images it is asked "
            "about; save it as .keras and use MODEL=file.keras"
        )


def _refuse_randomness(path, definition):
    """Keras 3 exports augmentation layers switched on: the numbers would be another's each time."""
    found = next((node.op for node in nodes(definition) if "Random" in node.op), None)
    if found:
        raise RequestError(
            f"MODEL '{path}' draws random numbers when it runs ({found}: augmentation layers, "
            "which export leaves on); save it as .keras, which switches them off, and use "
            "MODEL=file.keras"
        )
