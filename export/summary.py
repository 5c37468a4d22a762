"""The printout of an export: a table of the files, and how int8 came about."""

import textwrap

from export.artifact import Artifact, Manifest
from models.command_line.columns import WIDTH, aligned
from models.networks.input_scaling import InputScaling
from models.networks.output_tensor import VALUES, OutputTensor
from quantize.schemes.scheme import INT8

KINDS_NAMED = 4
OVERFLOW_NOTE = (
    "note: integer .onnx files: on x86 without VNNI set session.x64quantprecision (docs/export.md)"
)
HEADING = ("file", "KB", "max error", "cosine", "SQNR dB", "agreement", "loads in")
UNBROKEN = "\xa0"  # a space at which no line ends
FIGURES = range(1, 6)  # of its columns


def text(manifest: Manifest, folder: str, made: bool) -> str:
    """One line on the model, its warnings, and a row for each file."""
    has_accuracy = manifest.model["labels_known"] or _has_accuracy(manifest)
    rows = [HEADING]
    for artifact in manifest.artifacts:
        rows += [_row(artifact, has_accuracy), *_rows_of_tensors(artifact, has_accuracy)]
    rows += [(one.name, *[""] * len(FIGURES), "not written") for one in manifest.failed]
    images = manifest.evaluation["images"]
    first = f"{manifest.model_id}: {'wrote' if made else 'unchanged,'} {folder}"
    notes = [f"note: {warning}" for warning in manifest.warnings]
    lines = [first, *_meaning(manifest), *notes, *_split(manifest)]
    lines.append(
        f"against {manifest.reference} on {images} images of {manifest.evaluation['name']}; int8 "
        f"calibrated on {manifest.calibration['images']} of {manifest.calibration['name']}"
    )
    refused = [
        f"note: {artifact.name} cannot be used in {runtime}: {status}"
        for artifact in manifest.artifacts
        for runtime, status in artifact.loads_in.items()
        if status != "ok"
    ]
    table_lines = [aligned(rows, FIGURES, wrap=True), *refused, *partition_notes(manifest)]
    for failure in manifest.failed:
        table_lines += textwrap.wrap(failure.sentence, WIDTH, break_on_hyphens=False)
    if any(one.format == "onnx" and one.scheme.startswith("int8") for one in manifest.artifacts):
        table_lines.append(OVERFLOW_NOTE)
    return "\n".join([*lines, "", *table_lines, *_methods(manifest)]) + "\n"


def _meaning(manifest: Manifest) -> list[str]:
    """Of a user's model, what it is fed and what it gives, as far as that had to be found out."""
    if "arch" in manifest.model or not manifest.input:
        return []
    scaling = InputScaling(manifest.preprocess, manifest.input["reason"])
    found = ", ".join(_output(output) for output in manifest.outputs)
    why = f", since {manifest.outputs_reason}" if len(manifest.outputs) == 1 else ""
    return [f"input: {scaling}", f"output: {found}{why}"]


def _output(output: OutputTensor) -> str:
    if output.is_row and output.kind != VALUES:
        classes = f"{output.size} class{'es' if output.size > 1 else ''}"
        return f"{output.name} of {classes} ({output.kind})"
    return f"{output.name} {list(output.shape)} ({output.kind})"


def _split(manifest: Manifest) -> list[str]:
    """The part of the network that is computed in channel groups."""
    found = manifest.split
    if not found:
        return []
    number, total = len(found["split"]), len(found["split"]) + len(found["whole"])
    return [
        f"split: {number} of {total} depthwise layers, each with its expansion and projection, "
        f"computed in {found['groups']} channel groups"
    ]


def partition_notes(manifest: Manifest) -> list[str]:
    """A line for each file that the CPU delegate does not take whole, in one piece."""
    found = []
    for artifact in manifest.artifacts:
        taken = artifact.partitions
        if taken is None or taken.is_whole:
            continue
        pieces = {0: "nothing", 1: "1 piece"}.get(taken.count, f"{taken.count} pieces")
        kinds = [f"{count} {kind}" for kind, count in taken.outside.items()]
        more = f" and {len(kinds) - KINDS_NAMED} kinds more" if len(kinds) > KINDS_NAMED else ""
        outside = f"; outside: {', '.join(kinds[:KINDS_NAMED])}{more}" if kinds else ""
        found.append(f"note: {artifact.name} in LiteRT's XNNPACK: {pieces}{outside}")
    return found


def _methods(manifest: Manifest) -> list[str]:
    """The SQNR that each method reached, for each scheme that was searched for."""
    if not _has_accuracy(manifest):
        return []
    schemes = {INT8.name: manifest.int8, **manifest.further}
    searched = [(name, made) for name, made in schemes.items() if "methods" in made]
    return [line for name, made in searched for line in ("", *_search(name, made))]


def _search(scheme: str, made: dict) -> list[str]:
    results = [_result(tried) for tried in made["methods"]]
    wanted = made["min_sqnr_db"]
    limit = f"; asked for {wanted:g} dB" if wanted is not None else ""
    whole = ", ".join(result.replace(" ", UNBROKEN) for result in results)
    line = f"{scheme} by {made['chosen']}: {whole}{limit}"
    wrapped = textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return [*(w.replace(UNBROKEN, " ") for w in wrapped), *_float_layers(scheme, made)]


def _result(tried: dict) -> str:
    reached = "exact" if tried["sqnr_db"] is None else f"{tried['sqnr_db']:.1f} dB"
    dropped = "" if tried.get("accepted", True) else ", dropped"
    return f"{tried['method']} {reached} ({tried['seconds']:.1f} s{dropped})"


def _float_layers(scheme: str, made: dict) -> list[str]:
    """The layers of the files that are float, and what they cost."""
    chosen = next(tried for tried in made["methods"] if tried["method"] == made["chosen"])
    if not chosen.get("float_layers"):
        return []
    cost = ""
    if chosen.get("latency_ratio") is not None:
        cost = (
            f": {chosen['latency_ratio']:.2f} times the latency of every layer int8 (medians of "
            f"{chosen.get('latency_samples')}, in turns, LiteRT)"
        )
    return [f"float in {scheme}: {', '.join(chosen['float_layers'])}{cost}"]


def _has_accuracy(manifest: Manifest) -> bool:
    """Random weights predict at random: no figure of them says anything about accuracy."""
    return manifest.model.get("weights") != "random"


def _row(artifact: Artifact, has_accuracy: bool) -> tuple[str, ...]:
    found = artifact.fidelity
    loads = ", ".join(name for name, status in artifact.loads_in.items() if status == "ok")
    return (
        artifact.name,
        f"{artifact.bytes / 1000:,.0f}",
        f"{found.max_abs_error:.1e}",
        f"{found.cosine:.6f}",
        _decibels(found.sqnr_db) if has_accuracy else "n/a",
        f"{found.top1_agreement:.1%}"
        if has_accuracy and found.top1_agreement is not None
        else "n/a",
        loads,
    )


def _rows_of_tensors(artifact: Artifact, has_accuracy: bool) -> list[tuple[str, ...]]:
    """Of several outputs the figures of each; those of the file are the worst of them."""
    return [
        (
            f"  {one.name}",
            "",
            f"{one.max_abs_error:.1e}",
            f"{one.cosine:.6f}",
            _decibels(one.sqnr_db) if has_accuracy else "n/a",
            "",
            "",
        )
        for one in (artifact.fidelity.tensors if artifact.fidelity else ())
    ]


def _decibels(sqnr_db: float | None) -> str:
    return "exact" if sqnr_db is None else f"{sqnr_db:.1f}"
