"""What an export made, as a table a person reads."""

import io

from export.artifact import Artifact, Manifest
from quantize.schemes.scheme import INT8

KINDS_NAMED = 4


def text(manifest: Manifest, folder: str, made: bool) -> str:
    """One line on the model, its caveats, and a row for each file."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("file", no_wrap=True)
    for heading in ("KB", "max error", "cosine", "SQNR dB", "same top-1"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("loads in")
    for artifact in manifest.artifacts:
        table.add_row(*_row(artifact, manifest.model["labels_known"] or _judged(manifest)))
    images = manifest.evaluation["images"]
    first = f"{manifest.model_id}: {'wrote' if made else 'unchanged,'} {folder}"
    lines = [first, *(f"note: {caveat}" for caveat in manifest.caveats), *_split(manifest)]
    lines.append(
        f"against Keras on {images} images of {manifest.evaluation['name']}; int8 "
        f"calibrated on {manifest.calibration['images']} of {manifest.calibration['name']}"
    )
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(table)
    refused = [
        f"note: {artifact.name} cannot be used in {runtime}: {status}"
        for artifact in manifest.artifacts
        for runtime, status in artifact.loads_in.items()
        if status != "ok"
    ]
    table_lines = [*_stripped(out.getvalue()), *refused, *partition_notes(manifest)]
    return "\n".join([*lines, "", *table_lines, *_climbs(manifest)]) + "\n"


def _split(manifest: Manifest) -> list[str]:
    """How much of the network is computed in channel groups."""
    found = manifest.split
    if not found:
        return []
    number, there = len(found["split"]), len(found["split"]) + len(found["whole"])
    return [
        f"split: {number} of {there} depthwise layers, each with its expansion and projection, "
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


def _climbs(manifest: Manifest) -> list[str]:
    """What each rung of the ladder bought, for each scheme that climbed it."""
    if not _judged(manifest):
        return []
    schemes = {INT8.name: manifest.int8, **manifest.further}
    climbs = [(name, made) for name, made in schemes.items() if "rungs" in made]
    return [line for name, made in climbs for line in ("", *_climb(name, made))]


def _climb(scheme: str, made: dict) -> list[str]:
    went = [
        f"{rung['rung']} {rung['sqnr_db']:.1f} dB ({rung['seconds']:.1f} s)"
        if rung["sqnr_db"] is not None
        else f"{rung['rung']} exact ({rung['seconds']:.1f} s)"
        for rung in made["rungs"]
    ]
    asked = made["min_sqnr_db"]
    limit = f"; asked for {asked:g} dB" if asked is not None else ""
    return [f"{scheme} by {made['chosen']}: {', '.join(went)}{limit}", *_float_layers(scheme, made)]


def _float_layers(scheme: str, made: dict) -> list[str]:
    """Which layers of the files are float, and what they cost."""
    step = next(rung for rung in made["rungs"] if rung["rung"] == made["chosen"])
    if not step["float_layers"]:
        return []
    cost = ""
    if step["latency_ratio"] is not None:
        cost = (
            f": {step['latency_ratio']:.2f} times the latency of every layer int8 (medians of "
            f"{step['latency_samples']}, in turns, LiteRT)"
        )
    return [f"float in {scheme}: {', '.join(step['float_layers'])}{cost}"]


def _stripped(table: str) -> list[str]:
    return [line.rstrip() for line in table.splitlines()]


def _judged(manifest: Manifest) -> bool:
    """Random weights answer at random: no figure of them says anything about accuracy."""
    return manifest.model.get("weights") != "random"


def _row(artifact: Artifact, judged: bool) -> tuple[str, ...]:
    found = artifact.fidelity
    sqnr = "exact" if found.sqnr_db is None else f"{found.sqnr_db:.1f}"
    loads = ", ".join(name for name, status in artifact.loads_in.items() if status == "ok")
    return (
        artifact.name,
        f"{artifact.bytes / 1000:,.0f}",
        f"{found.max_abs_error:.1e}",
        f"{found.cosine:.6f}",
        sqnr if judged else "n/a",
        f"{found.top1_agreement:.1%}" if judged else "n/a",
        loads,
    )
