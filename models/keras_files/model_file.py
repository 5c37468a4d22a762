"""Opening a user's ``.keras`` or ``.h5`` file in safe mode; what is in it is read before it runs.

The format goes by the content, not by the suffix. Files of Keras 2 are brought to what Keras 3
accepts (``models.keras_files.keras2``); code of the user's own is refused by name.
"""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from models.command_line.errors import RequestError
from models.keras_files import keras2

EXPECTED = "expected a whole Keras model (.keras, .h5 or a SavedModel folder)"
DAMAGED = "expected a whole file: copy it again or save the model again"


def open_model(path: Path):
    """Keras model in the file at ``path``, uncompiled.

    Raises RequestError, in one line, for anything that is not a whole Keras model made of Keras's
    own layers.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise RequestError(f"MODEL '{path}' cannot be read ({error.strerror})") from error
    if magic == b"\x89HDF\r\n\x1a\n":
        config = _hdf5_config(path)
    elif magic[:2] == b"PK":
        config = _archive_config(path)
    else:
        found = "is empty" if not magic else "is neither a Keras archive nor HDF5"
        raise RequestError(f"MODEL '{path}' {found}; {EXPECTED}")
    repaired = keras2.repaired(config)
    _refuse_code(path, repaired)
    if repaired == config:
        return _load(path, path)
    with tempfile.TemporaryDirectory() as folder:
        is_archive = magic[:2] == b"PK"
        copy = Path(folder) / ("model.keras" if is_archive else "model.h5")
        (_copy_archive if is_archive else _copy_hdf5)(path, copy, repaired)
        return _load(path, copy)


def _hdf5_config(path):
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise RequestError(
                    f"MODEL '{path}' holds weights but no network; {EXPECTED}; for weights of one "
                    "of our networks use ARCH=... WEIGHTS=path"
                )
            return json.loads(text)
    except (OSError, RuntimeError, ValueError) as error:
        raise RequestError(
            f"MODEL '{path}' is truncated or damaged ({brief(error)}); {DAMAGED}"
        ) from error


def _archive_config(path):
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
            if broken:
                raise zipfile.BadZipFile(f"{broken} fails its checksum")
            return json.loads(archive.read("config.json"))
    except KeyError:
        raise RequestError(f"MODEL '{path}' is an archive without a network; {EXPECTED}") from None
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise RequestError(
            f"MODEL '{path}' is truncated or damaged ({brief(error)}); {DAMAGED}"
        ) from error


def _copy_archive(path, copy, config):
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "config.json":
                data = json.dumps(config)
            target.writestr(entry.filename, data)


def _copy_hdf5(path, copy, config):
    import h5py

    shutil.copyfile(path, copy)
    copy.chmod(0o600)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(config).encode()


def _load(path, readable):
    import keras

    try:
        return keras.models.load_model(readable, compile=False, safe_mode=True)
    except Exception as error:  # Keras lets anything through: its own and h5py's, numpy's, ...
        raise RequestError(
            f"MODEL '{path}' does not load in Keras {keras.__version__} ({brief(error)}); save it "
            "again from the Keras it was made with: as .keras, or by model.export(folder)"
        ) from error


def _refuse_code(path, config):
    for node in keras2.objects(config):
        kind, module = str(node["class_name"]), node.get("module")
        settings = node.get("config")
        name = settings.get("name") if isinstance(settings, dict) else settings
        is_named = "inbound_nodes" in node or "registered_name" in node
        where = f" '{name}'" if name else ""
        if kind in ("Lambda", "__lambda__"):
            what = f"a Lambda layer{where}, that is Python code"
        elif _is_lambda(settings):
            what = f"a lambda as activation of{where}, that is Python code"
        elif ">" in f"{kind}{node.get('registered_name')}" or kind == "function":
            what = f"custom object {node.get('registered_name') or kind}{where}"
        elif (module and module.split(".")[0] not in ("keras", "builtins")) or (
            not module and is_named and not keras2.is_known(kind)
        ):
            what = f"{kind}{where}, which is none of Keras's own layers in this format"
        else:
            continue
        raise RequestError(
            f"MODEL '{path}' has {what}; expected Keras's own layers: rebuild it without, or run "
            "model.export(folder) where its code is and use MODEL=folder"
        )


def _is_lambda(settings) -> bool:
    """True where a layer's activation is marshalled code: Keras writes that as an unnamed dict."""
    activation = settings.get("activation") if isinstance(settings, dict) else None
    return isinstance(activation, dict) and "class_name" not in activation


def brief(error) -> str:
    """First line of an error, short enough for one line of ours."""
    lines = [line.strip() for line in str(error).strip("'\"").splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__
