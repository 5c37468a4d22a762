"""The gates of coverage: the share of operators in the delegate, and the share in int8."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from bench.gates.limits import Limits
from bench.gates.verdict import FAILED, INCONCLUSIVE, PASSED, Verdict
from bench.measurement.record import Record
from quantize.graph.graph import Graph
from quantize.schemes.scheme import INT8, INT8_PER_TENSOR, INT16X8

NO_DELEGATE = (INT16X8.name,)  # XNNPACK has no kernels of int16
FULLY_INT8 = (INT8.name, INT8_PER_TENSOR.name)
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "QuantizeLinear", "DequantizeLinear")
FUSED_ONNX = ("Clip", "Relu")  # ahead of a QuantizeLinear they are part of its range


def check(
    records: Mapping[str, Record], paths: Mapping[str, Path], limits: Limits
) -> list[Verdict]:
    """Verdicts on the files at ``paths``; both, ``records`` of one run as well, by file name."""
    verdicts = []
    if limits.min_delegated_share is not None:
        verdicts += [
            _delegated(record, limits.min_delegated_share)
            for record in records.values()
            if record.format == "tflite" and record.scheme not in NO_DELEGATE
        ]
    if limits.min_int8_share is not None:
        verdicts += [
            _int8(record, paths[name], limits.min_int8_share)
            for name, record in records.items()
            if record.scheme in FULLY_INT8
        ]
    return verdicts


def _delegated(record: Record, at_least: float) -> Verdict:
    delegate, limit = record.result.delegate, f"at least {at_least:.0%}"
    if delegate is None:
        return Verdict.on(
            record,
            gate="delegated",
            outcome=INCONCLUSIVE,
            limit=limit,
            detail=f"not known in {record.result.runtime}; leave min_delegated_share out of "
            "gate.toml",
        )
    outside = sum(delegate.outside.values())
    pieces = "piece" if delegate.pieces == 1 else "pieces"
    return _share(
        "delegated",
        record,
        delegate.inside,
        delegate.inside + outside,
        at_least,
        f"{delegate.pieces} {pieces}; outside: {_kinds(delegate.outside)}",
    )


def _int8(record: Record, path: Path, at_least: float) -> Verdict:
    count = int8_operators if record.format == "tflite" else int8_nodes
    inside, outside = count(path.read_bytes())
    return _share(
        "int8", record, inside, inside + sum(outside.values()), at_least,
        f"not int8: {_kinds(outside)}",
    )  # fmt: skip


def _share(gate: str, record: Record, count: int, of: int, at_least: float, detail: str) -> Verdict:
    share = count / of if of else 0.0
    return Verdict.on(
        record,
        gate=gate,
        outcome=PASSED if share >= at_least else FAILED,
        found=f"{count} of {of} ops ({share:.0%})",
        limit=f"at least {at_least:.0%}",
        detail=detail,
        figures={"operators": of, "share": share, "min_share": at_least},
    )


def _kinds(outside: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in outside.items()) or "none"


def int8_operators(content: bytes) -> tuple[int, dict[str, int]]:
    """The number of operators of a .tflite file that compute int8, and of each kind that do not.

    Conversions between float and int8 are not counted: they are no work of the network.
    """
    graph = Graph(content)
    inside, outside = 0, Counter()
    for kind, _, outputs in graph.operators():
        if kind in CONVERSIONS:
            continue
        if all(graph.dtype(name) == "int8" for name in outputs):
            inside += 1
        else:
            outside[kind] += 1
    return inside, dict(outside.most_common())


def int8_nodes(content: bytes) -> tuple[int, dict[str, int]]:
    """The same of an .onnx file of QuantizeLinear and DequantizeLinear pairs: a node computes int8
    where a QuantizeLinear takes all its outputs, at once or after a Clip or Relu."""
    import onnx

    nodes = onnx.load_from_string(content).graph.node
    readers: dict[str, list] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)

    def is_int8(node) -> bool:
        takers = [reader for name in node.output for reader in readers.get(name, [])]
        return bool(takers) and all(
            taker.op_type == "QuantizeLinear" or (taker.op_type in FUSED_ONNX and is_int8(taker))
            for taker in takers
        )

    counted = [node for node in nodes if node.op_type not in CONVERSIONS]
    outside = Counter(node.op_type for node in counted if not is_int8(node))
    return len(counted) - sum(outside.values()), dict(outside.most_common())
