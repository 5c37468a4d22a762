"""Tables of text: aligned, within a width, names shortened and sentences wrapped."""

from models.command_line.columns import Columns, aligned, shortened

ROWS = [("file", "ms", "note"), ("int8.tflite", "1.5", "fast"), ("a", "10.25", "")]


def test_names_begin_and_figures_end_where_they_align():
    assert aligned(ROWS, right=(1,)).splitlines() == [
        "file            ms  note",
        "int8.tflite    1.5  fast",
        "a            10.25",
    ]
    assert aligned(ROWS, indent="  ").splitlines()[1].startswith("  int8.tflite  1.5  ")


def test_the_widest_names_are_shortened_until_a_line_fits():
    rows = [("layer", "ms"), ("block_1/expand/" + "x" * 100 + "/Relu6", "1.25")]
    lines = aligned(rows, right=(1,)).splitlines()
    assert {len(line) for line in lines} == {100}
    assert lines[1].startswith("block_1/expand/") and "…" in lines[1] and "/Relu6  1.25" in lines[1]
    assert "x" * 100 in aligned(rows, right=(1,), width=None)


def test_figures_are_never_shortened():
    rows = [("a", *map(str, range(30))), ("b" * 30, *["123.456"] * 30)]
    last = aligned(rows, right=range(1, 31)).splitlines()[1]
    assert last.count("123.456") == 30 and len(last) > 100


def test_a_text_loses_its_middle():
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghij", 5) == "ab…ij" and shortened("abcdefghij", 6) == "abc…ij"


SENTENCE = "error: the runner ended with signal 6; " * 5


def test_a_sentence_in_place_of_figures_goes_on_below_itself():
    columns = Columns.fitting([("file", "runtime", "ms", "n"), ("int8.tflite", "litert", "1", "2")])
    lines = columns.line(("int8.tflite", "litert", SENTENCE)).splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= 100
    assert all(line.startswith(" " * 21) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == f"int8.tflite litert {SENTENCE}".strip()


def test_a_last_column_of_sentences_is_wrapped_or_whole():
    rows = [("busy", SENTENCE), ("noisy", "short")]
    lines = aligned(rows, wrap=True).splitlines()
    assert max(map(len, lines)) <= 100 and lines[1].startswith("       ") and len(lines) == 4
    assert aligned(rows, width=None, wrap=True).splitlines()[0] == f"busy   {SENTENCE}".rstrip()
