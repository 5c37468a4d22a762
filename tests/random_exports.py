"""A random model, saved as its owner would and made into all six files, each run beside Keras.

``python tests/random_exports.py FIRST LAST`` tries all seeds of a range, in child processes.
"""

import collections
import multiprocessing
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CALIBRATION_IMAGES, IMAGES = 24, 16
FORMS = (".keras", ".h5", "folder")
MIN_INT8_SQNR_DB = 3.0  # of min-max alone; a wrong graph has about 0
# Runtimes round in other places: an int8 file of one differs from that of the other by so much,
MIN_SAME_INT8_SQNR_DB = 15.0
MAX_INT8_EXCESS_DB = 3.0  # or is at most that much farther from Keras than the other
MAX_FLOAT32_ERROR = 1e-4
ROUNDING_FACTOR = 10.0
FLOAT16_EXCESS_DB = 10.0


@dataclass(frozen=True)
class Outcome:
    """``refused``: the one line that the model is refused with, else None. ``wrong``: a sentence
    for each file that is not what Keras says, or does not exist."""

    seed: int
    refused: str | None = None
    wrong: tuple[str, ...] = ()
    int8_sqnr_db: float | None = None


def photographs(count: int, shape, seed: int) -> np.ndarray:
    """Uint8 images [count, *shape] with the edges and gradients of pictures, from noise of several
    sizes."""
    values = np.random.default_rng(seed)
    height, width, channels = shape
    total = values.uniform(0, 255, (count, 1, 1, channels))
    for size in (2, 4, 9):
        coarse = values.normal(0, 45, (count, size, size, channels))
        rows, columns = np.arange(height) * size // height, np.arange(width) * size // width
        total = total + coarse[:, rows][:, :, columns]
    return np.clip(total, 0, 255).astype(np.uint8)


def saved(model, form: str, folder: Path) -> Path:
    """``model`` in a file, or in a folder as ``model.export`` writes it."""
    path = folder / (f"random{form}" if form != "folder" else "random")
    if form == "folder":
        model.export(path, verbose=False)
    else:
        model.save(path)
    return path


def tried(seed: int, folder: Path) -> Outcome:
    """The model of ``seed`` through the whole export."""
    import keras
    from random_models import RandomModel

    from models.command_line.errors import CommandError

    keras.utils.clear_session(free_memory=False)
    made = RandomModel(seed)
    form = random.Random(seed).choice(FORMS)
    path = saved(made.model, form, folder)
    pixels = photographs(CALIBRATION_IMAGES + IMAGES, made.shape, seed)
    fed = pixels.astype(np.float32)
    if not made.scales_itself:
        fed = fed / np.float32(127.5) - np.float32(1)
    try:
        network, files = _exported(path, fed, folder)
    except CommandError as error:
        line = str(error)
        return Outcome(seed, refused=line, wrong=() if "\n" not in line else ("several lines",))
    wrong = []
    if made.scales_itself and network.preprocess.scale != 1 and not network.scaling.is_guess:
        wrong.append(f"{network.scaling}, but it scales them itself")
    reference = made.model.predict(fed[-IMAGES:], verbose=0)
    return _judged(seed, made.model, reference, files, fed[-IMAGES:], wrong)


def _exported(path: Path, images: np.ndarray, folder: Path):
    """The network in ``path``, and each of its files: a path, or why there is none."""
    from export.export_file import all_files
    from export.file_maker import FileMaker, MakeRequest
    from export.image_sets import SavedImages
    from models import user_source
    from models.command_line import progress, unforeseen
    from models.command_line.options import Options
    from quantize.graph.broken_weights import check_weights
    from quantize.graph.network_graph import network_graph
    from quantize.methods.plan import Plan
    from quantize.schemes.registry import ALWAYS

    network = user_source.resolve(Options(model=str(path))).load()
    graph = network_graph(network)
    check_weights(graph)
    (folder / "float.tflite").write_bytes(graph.content)
    np.save(folder / "calibration.npy", images[:CALIBRATION_IMAGES])
    np.save(folder / "evaluation.npy", images[CALIBRATION_IMAGES:])
    sets = SavedImages(folder / "calibration.npy", folder / "evaluation.npy", None, {}, {})
    explained = {form: folder / f"half-{form}.tflite" for form in ("tflite", "onnx")}
    plan = Plan(("min-max",), None)
    request = MakeRequest(
        folder / "float.tflite", folder, explained, sets, network.output_kind, network.outputs,
        plan, 1,
    )  # fmt: skip
    maker, files = FileMaker(request, progress.quiet), {}
    for file in all_files():
        if file.scheme.name not in ALWAYS and file.scheme not in ALWAYS:
            continue
        try:
            maker.write(file)
            files[file.name] = folder / file.name
        except Exception as error:  # as the child process that makes files does
            files[file.name] = unforeseen.in_one_line(error)
    return network, files


def _judged(seed, model, reference, files, images, wrong) -> Outcome:
    from export.loading import file_outputs
    from quantize.evaluate.output_comparison import decibels

    def sqnr_db(wanted, found):
        noise = float(((found - wanted) ** 2).sum())
        value = decibels(float((wanted**2).sum()), noise)
        return np.inf if value is None else value

    found = {}
    for name, path in files.items():
        runtime = "onnxruntime" if name.endswith(".onnx") else "litert"
        if isinstance(path, str):
            wrong.append(f"{name} is not there: {path}")
            continue
        try:
            found[name] = file_outputs(runtime, str(path), images, 1)
        except Exception as error:
            wrong.append(f"{name} does not run: {error}")
    reference = reference.reshape(len(reference), -1).astype(np.float64)
    peak = np.abs(reference).max()
    allowed, half_db = None, None
    for name in ("float32.tflite", "float32.onnx"):
        if name in found:
            apart = np.abs(found[name] - reference).max() / peak
            if not apart <= MAX_FLOAT32_ERROR:
                allowed = allowed or ROUNDING_FACTOR * _rounding(model, images, reference, peak)
                if not apart <= allowed:
                    wrong.append(f"{name} differs by {apart:.1e}; rounding allows {allowed:.1e}")
    for name in ("float16.tflite", "float16.onnx"):
        if name in found and not sqnr_db(reference, found[name]) >= 50:
            half_db = half_db or sqnr_db(reference, _with_half_weights(model, images))
            if not sqnr_db(reference, found[name]) >= half_db - FLOAT16_EXCESS_DB:
                wrong.append(
                    f"{name} has {sqnr_db(reference, found[name]):.1f} dB; rounded weights in "
                    f"Keras {half_db:.1f}"
                )
    int8 = None
    if "int8.tflite" in found:
        int8 = sqnr_db(reference, found["int8.tflite"])
        if not int8 >= MIN_INT8_SQNR_DB:
            wrong.append(f"int8.tflite has {int8:.1f} dB")
        if "int8.onnx" in found:
            apart = sqnr_db(found["int8.tflite"].astype(np.float64), found["int8.onnx"])
            other = sqnr_db(reference, found["int8.onnx"])
            if apart < MIN_SAME_INT8_SQNR_DB and other < int8 - MAX_INT8_EXCESS_DB:
                wrong.append(
                    f"int8.onnx is {apart:.1f} dB from int8.tflite ({other:.1f} and {int8:.1f} dB "
                    "beside Keras)"
                )
    return Outcome(seed, wrong=tuple(wrong), int8_sqnr_db=int8)


def _rounding(model, images, reference, peak) -> float:
    """The change of Keras's own outputs by a last place of each pixel and of each weight."""
    moved = np.nextafter(images, np.float32(np.inf))
    change = np.abs(model.predict(moved, verbose=0).reshape(reference.shape) - reference).max()
    kept = model.get_weights()
    model.set_weights([
        np.nextafter(w, np.float32(np.inf)) if w.dtype == np.float32 else w for w in kept
    ])  # fmt: skip
    other = np.abs(model.predict(images, verbose=0).reshape(reference.shape) - reference).max()
    model.set_weights(kept)
    return max(change, other) / peak


def _with_half_weights(model, images) -> np.ndarray:
    kept = model.get_weights()
    model.set_weights([
        w.astype(np.float16).astype(w.dtype) if w.dtype == np.float32 else w for w in kept
    ])  # fmt: skip
    found = model.predict(images, verbose=0)
    model.set_weights(kept)
    return found.reshape(len(found), -1)


def _serve(seeds, results) -> None:
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    for seed in iter(seeds.get, None):
        results.put((seed, None))
        with tempfile.TemporaryDirectory() as folder:
            try:
                results.put((seed, tried(seed, Path(folder))))
            except Exception as error:
                import traceback

                where = traceback.extract_tb(error.__traceback__)[-1]
                said = f"{type(error).__name__}: {str(error)[:300]!r}, {where.name}"
                results.put((seed, Outcome(seed, wrong=(f"TRACEBACK {said}",))))


def main(argv: list[str]) -> int:
    """Print what is wrong, and counts at the end."""
    first, last, workers = int(argv[0]), int(argv[1]), int(argv[2]) if len(argv) > 2 else 1
    spawn = multiprocessing.get_context("spawn")
    counts, levels, done = collections.Counter(), [], 0
    seeds, results = spawn.Queue(), spawn.Queue()
    for seed in range(first, last):
        seeds.put(seed)
    for _ in range(workers):
        seeds.put(None)
    children = [spawn.Process(target=_serve, args=(seeds, results)) for _ in range(workers)]
    for child in children:
        child.start()
    running: set[int] = set()
    while done < last - first:
        try:
            seed, outcome = results.get(timeout=10)
        except Exception:
            dead = [child for child in children if not child.is_alive() and child.exitcode]
            if dead and not any(child.is_alive() for child in children):
                print("crashed on one of", running, flush=True)
                done += len(running)
                counts["crashed"] += len(running)
                running.clear()
                children = [spawn.Process(target=_serve, args=(seeds, results))]
                children[0].start()
                seeds.put(None)
            continue
        if outcome is None:
            running.add(seed)
            continue
        running.discard(seed)
        done += 1
        kind = "wrong" if outcome.wrong else "refused" if outcome.refused else "right"
        counts[kind] += 1
        if outcome.int8_sqnr_db is not None:
            levels.append(outcome.int8_sqnr_db)
        for sentence in outcome.wrong:
            print(seed, sentence, flush=True)
        if outcome.refused:
            print(seed, "refused:", outcome.refused, flush=True)
    print(dict(counts), "int8 dB: lowest, 5 %, median", np.percentile(levels, (0, 5, 50)).round(1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
