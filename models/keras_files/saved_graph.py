"""The function of a SavedModel that answers requests: which one it is, and its frozen graph."""

import contextlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from models.command_line.child_python import module_command
from models.command_line.errors import CommandError, DeviceError, RequestError
from models.command_line.scratch import scratch_folder
from models.command_line.unforeseen import debugging
from models.keras_files import freeze_saved_model, reduced_saved_model, training_mode
from models.keras_files.freeze_saved_model import FreezeRequest, nodes
from models.keras_files.stored_model import brief
from models.keras_files.traced import imported
from models.untrusted_files import confinement, regular_file

GRAPH = "saved_model.pb"
SIGNATURE = "serving_default"
VARIABLES = "variables"  # the folder of the checkpoint
TIME_LIMIT_S = 600  # of loading: the largest network of keras.applications takes some seconds
ERROR = "error: "
APART = ("_XlaMustCompile", "_noinline")  # marks of a function that is to stay one
UNCONFINED = (
    "this kernel has no Landlock, so the process that loaded the SavedModel was kept from writing "
    "into files, but not from making or removing them"
)
NOT_FOR_IMAGES = ("__saved_model_init_op", "__saved_model_train_op", "train", "eval")


@dataclass(frozen=True)
class ChosenFunction:
    """The signature of a SavedModel that is exported; ``is_version1`` tells TensorFlow 1's form.

    ``reduced`` is the SavedModel that is loaded in the place of the folder's: this function alone.
    """

    path: Path
    tags: tuple[str, ...]
    signature: str
    definition: object
    is_version1: bool
    notes: tuple[str, ...]
    reduced: object

    @property
    def outputs(self) -> list[str]:
        """The names of its outputs, in their order."""
        return sorted(self.definition.outputs)


def chosen(path: Path) -> ChosenFunction:
    """The function of the folder at ``path``: ``serving_default``, or the only one it has.

    RequestError for a folder that is none, that does more than compute, or that leaves the choice.
    """
    saved = _read(path)
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
    if confinement.landlock_version() < 1:
        notes += (UNCONFINED,)
    is_version1 = not meta.HasField("object_graph_def")
    layers = training_mode.switched_off(meta.graph_def, signatures[name])
    if layers:
        notes += (
            f"stored to run as in training: {', '.join(layers)}; runs on the moving statistics",
        )
    tags = tuple(meta.meta_info_def.tags)
    _inline(meta.graph_def)
    alone = reduced_saved_model.reduced(path, meta, name)
    return ChosenFunction(path, tags, name, signatures[name], is_version1, notes, alone)


class Freezer:
    """The process that loads a function and freezes it, and can write nothing.

    Started at once, so that it imports TensorFlow while the parent does.
    """

    def __enter__(self) -> "Freezer":
        with contextlib.ExitStack() as started:
            self._folder = started.enter_context(scratch_folder())
            line = module_command(freeze_saved_model.__name__, str(self._folder))
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            self._process = started.enter_context(subprocess.Popen(line, **pipes))
            started.callback(self._process.kill)
            self._started = started.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._started.close()

    def frozen(self, function: ChosenFunction):
        """The function as a concrete one without variables: one tensor for each input and output.

        RequestError for what cannot be, DeviceError where the process is ended.
        """
        from tensorflow.core.framework.graph_pb2 import GraphDef

        what = f"MODEL '{function.path}'"
        _fill(self._folder, function)
        asked = FreezeRequest(
            str(function.path),
            function.tags,
            function.signature,
            function.is_version1,
            tuple(info.name for info in function.definition.inputs.values()),
            tuple(function.definition.outputs[name].name for name in function.outputs),
        )
        try:
            said = self._process.communicate(json.dumps(asdict(asked)).encode(), TIME_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise DeviceError(f"{what} was not loaded within {TIME_LIMIT_S} s") from error
        if self._process.returncode:
            raise _failure(what, self._process.returncode, said[1].decode(errors="replace"))
        ends, _, content = said[0].partition(b"\n")
        definition = GraphDef.FromString(content)
        # What that process answers may be whatever it was led to.
        reduced_saved_model.check_operators(function.path, definition)
        return imported(definition, *json.loads(ends))


def _failure(what: str, code: int, said: str) -> CommandError:
    if debugging():
        sys.stderr.write(said)
    lines = [line for line in said.splitlines() if line.startswith(ERROR)]
    if code < 0 or not lines:
        how = f"by signal {-code}" if code < 0 else "without a word"
        return DeviceError(
            f"{what} was not loaded: its process ended {how}; loading it may take more memory or "
            "time than there is (DEBUG=1 shows what it said)"
        )
    kind = RequestError if code == RequestError.exit_code else DeviceError
    return kind(lines[-1].removeprefix(ERROR))


def _fill(folder: Path, function: ChosenFunction) -> None:
    """Make ``folder`` a SavedModel of the reduced graph and the weights that belong to it."""
    variables = function.path.absolute() / VARIABLES
    if variables.is_dir():
        for entry in variables.iterdir():
            regular_file.check(entry, f"MODEL '{function.path}': {entry.name}", "expected a file")
        (folder / VARIABLES).symlink_to(variables)
    (folder / GRAPH).write_bytes(function.reduced.SerializeToString())


def _read(path):
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    if not (path / GRAPH).is_file():
        raise RequestError(
            f"MODEL '{path}' is a folder without saved_model.pb; expected a SavedModel folder (as "
            "model.export(folder) writes it), a .keras or an .h5 file"
        )
    try:
        return SavedModel.FromString((path / GRAPH).read_bytes())
    except DecodeError as error:
        raise RequestError(
            f"MODEL '{path}' has a damaged saved_model.pb ({brief(error)}); export the model again"
        ) from error


def _inline(definition) -> None:
    """Let functions that are to be compiled, as Keras's grouped convolution, become part of the
    graph that calls them."""
    for each in (*nodes(definition), *definition.library.function):
        for mark in APART:
            each.attr.pop(mark, None)
