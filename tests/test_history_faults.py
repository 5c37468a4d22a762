"""The history survives what happens to files: kills, rivals, full disks, damage."""

import contextlib
import ctypes
import os
import random
import resource
import signal
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from history_records import DRIFT, record, timed

from bench.__main__ import main
from bench.history.history import History
from bench.measurement.comparable import relative
from models.command_line.errors import DeviceError, RequestError

pytestmark = pytest.mark.waits


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bench.sqlite"


@contextmanager
def child(work):
    """A process of its own that does ``work``; gives its id and what it prints, as a pipe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            work(lambda value: os.write(writing, f"{value}\n".encode()))
            os._exit(0)
        except DeviceError as error:
            os.write(writing, f"{error}\n".encode())
        finally:
            os._exit(3)
    os.close(writing)
    with os.fdopen(reading) as output:
        yield pid, output
    if os.waitpid(pid, os.WNOHANG)[0] == 0:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def appending(path, count=None):
    def work(say):
        done = 0
        while done != count:
            say(History(path).append(record()))
            done += 1

    return work


def assert_whole(path, ids):
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    kept = {run_id for (run_id,) in connection.execute("SELECT id FROM runs")}
    assert len(ids) == len(set(ids)) and set(ids) <= kept, set(ids) - kept
    for run_id in kept:
        assert History(path).get(run_id).result == record().result


def test_writers_killed_at_20_random_moments_lose_nothing_they_finished(path):
    chance, ids = random.Random(20), []
    for _ in range(10):
        with child(appending(path)) as one, child(appending(path)) as other:
            for pid, output in (one, other):
                ids.append(int(output.readline()))
                time.sleep(chance.uniform(0, 0.03))
                os.kill(pid, signal.SIGKILL)
                # A line is one write to the pipe: it is there in whole or not at all.
                ids.extend(int(line) for line in output)
    assert len(ids) >= 20
    assert_whole(path, ids)


def test_a_writer_killed_before_its_commit_leaves_nothing_of_its_record(path):
    History(path).append(record())

    def work(say):
        with History(path).writing() as connection:
            connection.execute("INSERT INTO drift SELECT 1, 's', 'a', 'b', 1, 1, 1, 1, 1, 1")
            say("written")
            time.sleep(60)

    with child(work) as (pid, output):
        output.readline()
        os.kill(pid, signal.SIGKILL)
    assert History(path).drifts("s") == []
    assert History(path, busy_timeout_s=1).append(record()) == 2


def test_many_benches_may_make_the_history_at_once(path):
    for _ in range(5):
        path.unlink(missing_ok=True)
        started = [child(appending(path, 3)) for _ in range(6)]
        children = [one.__enter__() for one in started]
        output = [line for _, lines in children for line in lines]
        for one in started:
            one.__exit__(None, None, None)
        assert all(line.strip().isdigit() for line in output) and len(output) == 18, output
        assert len({int(line) for line in output}) == 18
        assert len(History(path).listing(None)) == 18


def test_what_is_committed_is_on_disk_and_nothing_is_an_orphan(path):
    """A cut of the power cannot be tried; SQLite's word for surviving it can be asked for."""
    with History(path).writing() as connection:
        modes = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.execute(f"PRAGMA {mode}").fetchone()[0] for mode in modes]
    assert found == ["wal", 2, 1]
    with pytest.raises(DeviceError, match="FOREIGN KEY"), History(path).writing() as connection:
        connection.execute("INSERT INTO caveats VALUES (7, 0, 'noisy', '', '')")


def test_a_lock_is_waited_for(path):
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(History(path).append, record()) for _ in range(4)]
        time.sleep(0.3)
        holder.execute("ROLLBACK")
        assert sorted(one.result() for one in waiting) == [1, 2, 3, 4]


def test_a_lock_that_stays_is_named(path):
    kept = History(path).append(record())
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    impatient = History(path, busy_timeout_s=0.1)
    for use in (lambda: impatient.append(record()), impatient.check):
        with pytest.raises(DeviceError, match=r"kept it locked for 0\.1 s .*fuser"):
            use()
    assert [line.id for line in impatient.listing(20)] == [kept]  # reading goes on


def test_what_is_no_database_is_left_alone(path):
    content = b"this is no database" * 1000
    path.write_bytes(content)
    for use in (lambda: History(path).append(record()), History(path).newest, History(path).check):
        with pytest.raises(DeviceError, match=r"not a SQLite database .*move it away"):
            use()
    assert path.read_bytes() == content


def damage(path, page_of):
    """Overwrite the root page of a table or index."""
    connection = sqlite3.connect(path)
    ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [page_of])
    ((size,),) = connection.execute("PRAGMA page_size")
    connection.close()
    content = bytearray(path.read_bytes())
    assert page > 1 and page * size <= len(content)
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)
    return bytes(content)


def test_damage_in_the_middle_is_found_before_a_measurement_and_made_no_worse(path):
    for samples in range(1, 30):
        History(path).append(record(result=timed(range(100 * samples))))
    content = damage(path, "accuracy")
    with pytest.raises(DeviceError, match=r"is damaged .*bench rescue"):
        History(path).check()
    with pytest.raises(DeviceError, match="is damaged"):
        History(path).append(record())
    assert path.read_bytes() == content


def overwrite_middle(path):
    """Some pages of samples, in the middle of the file."""
    content = bytearray(path.read_bytes())
    start = len(content) // 2 // 4096 * 4096
    content[start : start + 3 * 4096] = b"\xa5" * 3 * 4096
    path.write_bytes(content)


def rescued(code):
    """The history that ``bench rescue`` makes of that of the current folder, which stays as it is;
    the ids of the runs that it lacks."""
    before = History().path.read_bytes()
    assert main(["rescue"]) == code
    assert History().path.read_bytes() == before
    found = History(Path("results/rescued.sqlite"))
    found.check()
    ids = {line.id for line in found.listing(None)}
    return found, set(range(1, 31)) - ids


@pytest.fixture
def thirty(tmp_path, monkeypatch):
    """The records of a history of 30 runs, each with an id, and a comparison."""
    monkeypatch.chdir(tmp_path)
    samples = random.Random(1).randbytes(6_000)
    for _ in range(30):
        History().append(record(result=timed(samples)))
    History().add_drift([DRIFT])
    return {one.id: one for one in History().each()}


def test_the_advice_for_a_damaged_history_saves_every_run_that_can_be_read(thirty, capsys):
    overwrite_middle(History().path)
    with pytest.raises(DeviceError, match=r"is damaged .*bench rescue writes"):
        History().check()
    found, lost = rescued(code=1)
    said = capsys.readouterr()
    assert f"error: {len(lost)} of 30 runs are lost: {min(lost)}" in said.err and 1 <= len(lost) < 6
    assert all(one == thirty[one.id] for one in found.each()) and found.drifts("s1") == [DRIFT]
    assert f"{30 - len(lost)} runs of results/bench.sqlite" in said.out
    assert found.append(record()) == 31
    assert main(["rescue"]) == 2 and "is there already" in capsys.readouterr().err


def change(statement):
    with contextlib.closing(sqlite3.connect(History().path)) as connection, connection:
        connection.execute(statement)


def test_a_damaged_environment_costs_no_run(thirty):
    change("UPDATE devices SET environment = '{' || environment")
    with pytest.raises(DeviceError, match=r"is damaged .*bench rescue"):
        History().newest()
    found, lost = rescued(code=0)
    assert lost == set() and found.get(30).result == thirty[30].result
    assert found.get(30).environment.cpu_model == "n/a"


def test_text_that_is_no_text_is_damage(thirty, capsys):
    change("UPDATE runs SET command = CAST(x'80ff41' AS TEXT) WHERE id = 7")
    for words in (["show", "7"], ["export", "--csv"]):
        assert main(words) == 3
        said = capsys.readouterr().err
        assert "is damaged (Could not decode to UTF-8 column 'command')" in said
        assert said.count("\n") == 1
    assert rescued(code=1)[1] == {7}


def test_a_history_without_a_readable_run_is_no_success(thirty, capsys):
    change("UPDATE samples SET samples_ns = x'00'")
    assert rescued(code=1)[1] == set(range(1, 31))
    assert "30 of 30 runs are lost" in capsys.readouterr().err


def test_what_is_whole_is_rescued_whole(thirty):
    assert rescued(code=0)[1] == set()


@pytest.mark.parametrize("seed", range(20))
def test_bytes_that_changed_cost_no_run_whose_rows_are_whole(thirty, seed, capsys):
    chance, path = random.Random(seed), History().path
    content = bytearray(path.read_bytes())
    at, many = chance.randrange(len(content)), chance.choice((1, 1, 40, 512))
    content[at : at + many] = chance.randbytes(len(content[at : at + many]))
    path.write_bytes(content)
    whole = set()
    for run_id in thirty:
        assert main(["show", str(run_id), "--json"]) in (0, 2, 3)
        said = capsys.readouterr()
        assert said.err.count("\n") <= 1 and "DEBUG" not in said.err
        with contextlib.suppress(DeviceError, RequestError):
            whole |= {run_id} if History().get(run_id) == thirty[run_id] else set()
    assert main(["list"]) in (0, 3)
    assert capsys.readouterr().err.count("\n") <= 1
    code = main(["rescue"])
    if code == 3:  # the first page, which says where everything is
        assert not whole and not Path("results/rescued.sqlite").exists()
        return
    found = {one.id: one for one in History(Path("results/rescued.sqlite")).each()}
    assert {run_id for run_id in found if found[run_id] == thirty[run_id]} >= whole
    assert code == (0 if len(found) == 30 else 1)


@pytest.mark.parametrize("at", [0, 16, 18, 20, 21, 47, 59])
def test_a_damaged_header_costs_no_run(thirty, at):
    """It is the same in every history; elsewhere in it SQLite needs nothing to read."""
    content = bytearray(History().path.read_bytes())
    content[at : at + 1] = b"\xa5"
    History().path.write_bytes(content)
    found, lost = rescued(code=0)
    assert lost == set() and {one.id: one for one in found.each()} == thirty


def test_a_file_that_lost_its_end_is_rescued_up_to_there(thirty):
    size = History().path.stat().st_size
    os.truncate(History().path, size - 4096)
    with pytest.raises(DeviceError, match="is damaged"):
        History().check()
    found, lost = rescued(code=1)
    assert len(lost) < 10 and all(one == thirty[one.id] for one in found.each())


@pytest.mark.parametrize(("flipped", "code"), [(False, 0), (True, 1)])
def test_what_a_killed_bench_left_in_the_journal_is_rescued(thirty, flipped, code, capsys):
    """SQLite itself leaves out, without a word, what follows damage in it."""

    def work(say):
        reader = sqlite3.connect(History().path)  # keeps the journal from being emptied
        reader.execute("BEGIN").execute("SELECT count(*) FROM runs").fetchone()
        for _ in range(3):
            say(History().append(record()))
        os.kill(os.getpid(), signal.SIGKILL)

    with child(work) as (_, output):
        assert [int(line) for line in output] == [31, 32, 33]
    journal = History().path.with_name("bench.sqlite-wal")
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= flipped
    journal.write_bytes(content)
    found, lost = rescued(code)
    assert lost == set() and (len(found.listing(None)) == 33) == (not flipped)
    assert ("later runs or comparisons may be lost" in capsys.readouterr().err) == flipped
    assert journal.read_bytes() == content


def test_a_name_of_a_table_that_is_no_text_is_damage(thirty, capsys):
    content = History().path.read_bytes()
    History().path.write_bytes(
        content.replace(b"CREATE TABLE samples", b"\xce\xff\xffATE TABLE samples")
    )
    assert main(["list"]) == 3
    said = capsys.readouterr().err
    assert "is damaged" in said and "bench rescue" in said and "DEBUG" not in said


def test_runs_without_turns_have_no_times_in_common(path):
    one = record(result=timed((5, 6, 7)), environment=replace(record().environment, emulated=False))
    assert relative(one, one) is None


def test_damage_elsewhere_leaves_the_rest_readable(path):
    run_id = History(path).append(record())
    damage(path, "drift_by_session")
    assert History(path).get(run_id).result == record().result
    with pytest.raises(DeviceError, match="is damaged"):
        History(path).drifts("s1")


def test_samples_that_are_not_what_was_written_are_named(path):
    run_id = History(path).append(record())
    connection = sqlite3.connect(path)
    connection.execute("UPDATE samples SET samples_ns = x'00112233'")
    connection.commit()
    for use in (lambda: History(path).get(run_id), lambda: History(path).listing(1)):
        with pytest.raises(DeviceError, match=r"is damaged .*run 1: samples"):
            use()


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a file system of so many bytes, for root only."""
    libc, folder = ctypes.CDLL(None, use_errno=True), tmp_path / "disk"
    folder.mkdir()

    def mount(size_bytes, flags=0):
        options = f"size={size_bytes}".encode()
        if libc.mount(b"tmpfs", bytes(folder), b"tmpfs", flags, options):
            pytest.skip(f"mounting a small disk: {os.strerror(ctypes.get_errno())}")
        return folder

    yield mount
    libc.umount2(bytes(folder), 2)


def test_a_full_disk_is_one_line_and_the_history_stays_whole(small_disk):
    history = History(small_disk(1 << 19) / "bench.sqlite")
    big, ids = record(result=timed(random.Random(1).randbytes(20_000))), []
    with pytest.raises(DeviceError, match=r"the disk is full .*free some space"):
        for _ in range(100):
            ids.append(history.append(big))
    assert 2 <= len(ids) == len(history.listing(None))
    assert [history.get(run_id).result for run_id in ids] == [big.result] * len(ids)
    content = history.path.read_bytes()
    try:
        with (history.path.parent / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
    except OSError:
        pass  # not one page is left
    for use in (history.check, lambda: history.append(record())):
        with pytest.raises(DeviceError, match=r"cannot be used .*(disk is full|full disk)"):
            use()
    assert history.path.read_bytes() == content
    (history.path.parent / "filler").unlink()
    assert len(history.listing(None)) == len(ids)


MS_REMOUNT, MS_RDONLY = 32, 1


def test_a_folder_that_may_not_be_written_is_one_line(small_disk):
    folder = small_disk(1 << 20)
    History(folder / "bench.sqlite").append(record())
    small_disk(1 << 20, MS_REMOUNT | MS_RDONLY)
    for path in (folder / "bench.sqlite", folder / "other.sqlite", folder / "new" / "bench.sqlite"):
        with pytest.raises(DeviceError, match=r"cannot be .*(allow writing|where you may write)"):
            History(path).append(record())


def test_a_file_that_may_not_be_written_is_one_line(path):
    with tempfile.TemporaryDirectory() as folder:  # where another user may go, unlike tmp_path
        os.chmod(folder, 0o777)
        path = Path(folder) / "bench.sqlite"
        History(path).append(record())
        path.chmod(0o444)

        def work(say):
            if os.getuid() == 0:  # who may write everything
                os.setuid(65534)
            History(path).append(record())

        with child(work) as (_, output):
            (line,) = output
        assert "it may not be written" in line and "allow writing" in line
        assert len(History(path).listing(None)) == 1


def test_a_file_that_may_not_grow_is_one_line_and_keeps_what_it_has(path):
    ids = [History(path).append(record()) for _ in range(3)]

    def work(say):
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, resource.RLIM_INFINITY))
        History(path).append(record(result=timed(random.Random(1).randbytes(300_000))))

    with child(work) as (_, output):
        (line,) = output
    assert "cannot be used as the bench history" in line and "limit on the size of files" in line
    assert_whole(path, ids)


def test_a_command_ends_with_one_line_and_exit_code_3(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "bench.sqlite").write_bytes(b"this is no database" * 1000)
    assert main(["list"]) == 3
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert shown.err.startswith("error: results/bench.sqlite cannot be used")
