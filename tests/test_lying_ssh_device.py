"""A device behind ssh whose runner lies about one file: that costs a row, with a reason, and no
more."""

import pytest
from processes import ended

from bench.__main__ import main
from bench.history.history import History

pytestmark = [pytest.mark.waits, pytest.mark.slow]

TOLD = "    tell(result)\n    error"
LIE = '    if result["runtime"] == "litert":\n        {}\n' + TOLD
TURN = '        tell({"event": "turn", "samples": samples, "enough": enough} if begun else ready)\n'
RUNNING = '        if result["runtime"] == "litert":\n            {}\n' + TURN
WRITTEN = '        result["images"] += len(rows)\n'
IMAGES = '        if result["runtime"] == "litert":\n            {}\n' + WRITTEN
OUTPUT = 'images["outputs"][number]'
FOREVER = "while True: {}"

# What the runner does ahead of its result, of an answer to a turn, or of having classified a shard,
# and what the row says.
LIES = {
    "text for a number": (TOLD, LIE, 'result["load_ns"] = "fast"', "load_ns is 'fast'"),
    "no number": (TOLD, LIE, 'result["others_share"] = float("nan")', "others_share is nan"),
    "a negative time": (TOLD, LIE, 'result["load_ns"] = -5', "load_ns is -5"),
    "another runtime": (TOLD, LIE, 'result["runtime"] = "tflite-runtime"', "runtime is 'tflite-"),
    "other threads": (TOLD, LIE, 'result["threads"] = 4', "threads is 4; expected 1"),
    "no UTF-8": (TOLD, LIE, "os.write(real_stdout.fileno(), bytes(range(128, 256)))", "printed"),
    "endless output": (
        *(TOLD, LIE, FOREVER.format('real_stdout.write("x" * 2**20)'), "no result among them"),
    ),
    "endless events": (
        *(TOLD, LIE, FOREVER.format('tell({"event": "classified", "shards": 1})'), "more than it"),
    ),
    "events of others": (TOLD, LIE, FOREVER.format('tell({"event": "turn"})'), "garbage"),
    "never ready": (TURN, RUNNING, 'ready["event"] = "turn"', "garbage"),
    "endless readiness": (TURN, RUNNING, FOREVER.format("tell(ready)"), "garbage"),
    "never enough": (TURN, RUNNING, "enough = False", "not enough after"),
    "unknown sources": (TURN, RUNNING, 'ready["unanswered"] = ["/etc/passwd"]', "unanswered"),
}
OUTPUTS = {
    "of another shape": ("write_array({0}, np.zeros((30, 9)))", "9 outputs"),
    "of too few images": ("write_array({0}, np.zeros((2, 3)))", "2 outputs for 30"),
    "no array": ('open({0}, "wb").write(b"text")', "no array"),
    "of 10 GB": ("os.truncate({0}, 10**10)", "too large"),
    "a folder": ("os.remove({0}); os.mkdir({0})", "cannot read"),
    "without an end": ('os.remove({0}); os.symlink("/dev/zero", {0})', "too large"),
    "not there": ("os.remove({0})", "cannot read"),
}


def measured(far):
    """The row of the honest runtime, which is as ever, and that of the other."""
    words, both = ("--time-limit", 0.05), "litert,onnxruntime"
    assert far.bench(*words, files="float32.onnx,int8.tflite", runtimes=both) == 0
    rows = {row.result.runtime: row for row in far.rows()}
    assert len(rows) == 2 and rows["onnxruntime"].result.error is None
    assert rows["onnxruntime"].accuracy.images == 30 and rows["onnxruntime"].result.samples_ns
    assert far.is_free(30) and far.is_whole() and ended(far.settings["pi"]["ssh_config"], 5)
    for words in (["list"], ["show", "1"], ["show", "2"], ["export", "--csv"], ["report"]):
        assert main(words) == 0
    return rows["litert"]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_the_times_costs_a_row(far, capsys, lie):
    where, form, code, reason = LIES[lie]
    far.run_there((where, form.replace("{}", code)))
    row = measured(far)
    assert reason in str(row.result.error) and row.accuracy is None
    assert "note: 1 of 2 rows failed" in capsys.readouterr().out


@pytest.mark.parametrize("lie", OUTPUTS)
def test_a_lie_about_the_answers_costs_the_accuracy_of_a_row(far, capsys, lie):
    code, reason = OUTPUTS[lie]
    far.run_there((WRITTEN, IMAGES.replace("{}", code.format(OUTPUT))))
    row = measured(far)
    assert row.accuracy is None and row.result.samples_ns and reason in str(row.result.error)


def test_a_million_samples_are_a_row_like_others(far):
    many = 'result["samples_ns"], result["turns"] = [7] * 10**6, [[0, 10**6]]'
    far.run_there((TOLD, LIE.replace("{}", many)))
    assert len(measured(far).result.samples_ns) == 10**6


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("tell({})", "cpu_model is missing"),
        ("tell([])", "is a list"),
        ("tell({**read_environment(), 'memory_bytes': '2 GiB'})", "memory_bytes is '2 GiB'"),
        (FOREVER.format("tell('x' * 2**20)"), "wrote more than 64 MiB"),
        ("os.write(real_stdout.fileno(), b'\\xff' * 99)", "does not say what machine it is"),
    ],
)
def test_a_lie_about_the_machine_ends_the_bench_ahead_of_all_timing(far, capsys, lie, reason):
    far.run_there(("        tell(read_environment())\n", f"        {lie}\n"))
    assert far.bench() == 3
    shown = capsys.readouterr().err
    assert shown.count("error: ") == 1 and reason in shown and len(shown) < 2000
    assert History().listing(None) == [] and far.is_free(30)
