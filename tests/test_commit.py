"""The commit of a measurement, and why there is none."""

import os
import shutil
import subprocess

import pytest
from nameless_user import as_nameless
from open_to_others import open_to_others

from bench.engine.session import _commit

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    open_to_others(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def git(*words):
    who = ["-c", "user.email=a@example.org", "-c", "user.name=a"]
    subprocess.run(["git", *who, *words], check=True, capture_output=True)


def test_outside_a_repository_and_before_the_first_commit_there_is_none(folder, capfd):
    assert _commit() is None
    git("init", "-q", ".")
    assert _commit() is None
    assert capfd.readouterr().err == ""


def test_a_repository_of_another_user_is_said_with_the_command_that_trusts_it(folder, capfd):
    """As git in a container sees a checkout of the host."""
    git("init", "-q", ".")
    git("commit", "-q", "--allow-empty", "-m", "first")
    assert len(_commit()) == 12 and capfd.readouterr().err == ""
    assert as_nameless(_commit) is None
    said = capfd.readouterr().err
    assert said.startswith("note: the commit is not recorded: fatal: detected dubious ownership")
    assert f"run git config --global --add safe.directory {folder}" in said
    assert said.count("\n") == 1


def test_a_branch_and_files_of_odd_names_have_a_commit(folder):
    git("init", "-q", ".")
    os.close(os.open(b"caf\xe9.txt", os.O_CREAT))
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("checkout", "-q", "-b", os.fsdecode(b"caf\xe9"))
    assert len(_commit()) == 12


@pytest.mark.parametrize(
    ("says", "found", "told"),
    [("exit 1", None, "git ended with code 1"), (r"printf 'caf\351'", r"caf\xe9", "")],
)
def test_whatever_git_says_costs_no_measurement(folder, monkeypatch, capfd, says, found, told):
    (folder / "git").write_text(f"#!/bin/sh\n{says}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    assert _commit() == found
    assert told in capfd.readouterr().err
