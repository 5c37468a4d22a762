"""The manifest: refused with the command that writes a new one, where it cannot be read."""

import json

import pytest
from tiny_models import write_export

from export.artifact import MANIFEST_NAME, Manifest
from models.command_line.errors import RequestError


@pytest.fixture
def folder(tmp_path):
    write_export(tmp_path)
    return tmp_path / "tiny"


def change(folder, **fields):
    raw = json.loads((folder / MANIFEST_NAME).read_text())
    (folder / MANIFEST_NAME).write_text(json.dumps({**raw, **fields}))


def test_what_is_written_is_read(folder):
    manifest = Manifest.read(folder)
    (folder / MANIFEST_NAME).write_text(manifest.to_json())
    assert Manifest.read(folder) == manifest


def test_a_manifest_that_is_not_there_is_refused_with_the_command_that_writes_it(tmp_path):
    with pytest.raises(RequestError, match=r"there is no .*; run make export ARCH=v1 first"):
        Manifest.read(tmp_path, "make export ARCH=v1")


def test_another_version_is_refused_with_the_command_that_writes_this_one(folder):
    change(folder, version=99)
    with pytest.raises(RequestError, match="version 99; expected 2; run make export ARCH"):
        Manifest.read(folder, "make export ARCH=v1")


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', "not JSON"])
def test_another_file_is_refused_in_one_line(folder, content):
    (folder / MANIFEST_NAME).write_text(content)
    with pytest.raises(RequestError, match="run make export again") as refused:
        Manifest.read(folder)
    assert "\n" not in str(refused.value)
