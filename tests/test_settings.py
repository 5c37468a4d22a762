"""Settings of the export: export.toml, and what an older gate.toml says of the same."""

import pytest

from models.command_line.errors import RequestError
from quantize.methods.settings import Settings, read_settings


@pytest.fixture
def settings(tmp_path):
    """Reads the settings of a folder with those two files; the notes are the second value."""

    def read(export=None, gate=None):
        for name, text in (("export.toml", export), ("gate.toml", gate)):
            if text is not None:
                (tmp_path / name).write_text(text)
        notes = []
        return read_settings(tmp_path, notes.append), [
            note.replace(f"{tmp_path}/", "") for note in notes
        ]

    return read


def test_without_files_there_are_defaults(settings):
    assert settings() == (Settings(30.5, 1.0), [])


def test_export_toml_says_what_it_says_and_the_rest_is_the_default(settings):
    assert settings("[int8]\nmin_sqnr_db = 25\n") == (Settings(25.0, 1.0), [])
    assert settings("[int8]\nmax_latency_ratio = 1.1\n") == (Settings(30.5, 1.1), [])


def test_an_older_gate_toml_is_read_with_a_note_on_where_its_section_belongs(settings):
    found, notes = settings(gate="[int8]\nmin_sqnr_db = 20\n[size]\nmax_ratio = 0.6\n")
    assert found == Settings(20.0, 1.0)
    assert notes == ["[int8] of gate.toml belongs in export.toml now: move the section there"]


def test_export_toml_wins_over_gate_toml_and_the_conflict_is_reported(settings):
    found, notes = settings(
        "[int8]\nmin_sqnr_db = 25\n", "[int8]\nmin_sqnr_db = 20\nmax_latency_ratio = 1.2\n"
    )
    assert found == Settings(25.0, 1.2)
    assert notes == [
        "min_sqnr_db is 25 in export.toml and 20 in gate.toml: 25 is used; "
        "delete [int8] from gate.toml"
    ]


@pytest.mark.parametrize("file", ["export", "gate"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[int8]\nmin_sqnr_db = 'x'\n", "has int8.min_sqnr_db = 'x'; expected a number from -100"),
        ("[int8]\nmax_latency_ratio = 0.9\n", "= 0.9; expected a number from 1 to 10"),
        ("[int8]\nmin_sqnr_db = true\n", "= True; expected a number"),
        (
            "[int8]\nmin_sqnr = 3\n",
            "has int8.min_sqnr; expected some of: min_sqnr_db, max_latency_ratio",
        ),
        ("int8 = 3\n", "has int8 = 3; expected"),
        ("[int8\n", "cannot be read as TOML"),
    ],
)
def test_wrong_settings_are_refused_in_either_file(settings, file, text, message):
    with pytest.raises(RequestError, match=rf"{file}\.toml") as refused:
        settings(**{file: text})
    assert message in str(refused.value)


def test_export_toml_has_nothing_else(settings):
    with pytest.raises(RequestError, match=r"export\.toml has size; expected only"):
        settings("[size]\nmax_ratio = 1\n")


def test_the_export_toml_of_this_project_states_the_defaults(request):
    def note(line):
        raise AssertionError(line)

    assert read_settings(request.config.rootpath, note) == Settings()
    assert "[int8]" not in (request.config.rootpath / "gate.toml").read_text()
