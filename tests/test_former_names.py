"""Names of earlier versions: RUNGS for METHODS on a command line and in a manifest."""

import json
from dataclasses import replace

import pytest
from tiny_models import write_export

from export.artifact import MANIFEST_NAME, Manifest
from models.command_line import options
from models.command_line.errors import RequestError

METHODS = [
    {"method": "min-max", "sqnr_db": 20.0, "top1_agreement": 1.0, "seconds": 1.0},
    {"method": "bias-correction", "sqnr_db": None, "top1_agreement": 1.0, "seconds": 2.0},
]
FOUND = {"chosen": "bias-correction", "min_sqnr_db": 30.5, "methods": METHODS}


def methods(*arguments):
    parser = options.parser("make export", "")
    return options.from_namespace(parser.parse_args(arguments)).methods


def test_rungs_is_another_name_of_methods():
    assert methods() == "auto"
    assert methods("--methods", "min-max") == methods("--rungs", "min-max") == "min-max"
    assert methods("--rungs", "min-max", "--methods", "min-max") == "min-max"


@pytest.mark.parametrize("order", [1, -1])
def test_two_values_under_two_names_are_refused(order):
    given = [("--methods", "auto"), ("--rungs", "min-max")][::order]
    with pytest.raises(RequestError, match=r"METHODS=auto.*; expected one of them: RUNGS is the"):
        methods(*[word for pair in given for word in pair])


@pytest.fixture
def folder(tmp_path):
    write_export(tmp_path)
    return next(path.parent for path in tmp_path.rglob(MANIFEST_NAME))


def test_a_manifest_has_its_methods_under_the_old_name_as_well(folder):
    manifest = replace(Manifest.read(folder), int8=FOUND, further={"int8-per-tensor": FOUND})
    raw = json.loads(manifest.to_json())
    for made in (raw["int8"], raw["further"]["int8-per-tensor"]):
        assert made["methods"] == METHODS
        assert [rung["rung"] for rung in made["rungs"]] == ["min-max", "bias-correction"]
        assert [rung["sqnr_db"] for rung in made["rungs"]] == [20.0, None]
    (folder / MANIFEST_NAME).write_text(json.dumps(raw))
    assert Manifest.read(folder) == manifest


def test_a_manifest_of_an_earlier_version_is_read_with_the_names_of_today(folder):
    manifest = replace(Manifest.read(folder), int8=FOUND)
    raw = json.loads(manifest.to_json())
    del raw["int8"]["methods"]
    for rung in raw["int8"]["rungs"]:
        del rung["method"]
    (folder / MANIFEST_NAME).write_text(json.dumps(raw))
    assert Manifest.read(folder) == manifest
