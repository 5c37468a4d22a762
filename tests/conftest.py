"""Fixtures of every test."""

import signal
import sys
from contextlib import ExitStack

import float_graphs
import numpy as np
import pytest
import tiny_models
from arm64.missing import CannotEmulate
from bench_runs import QUICK
from breakable_relay import BreakableRelay
from device_android.emulated_phone import EmulatedPhone
from device_pi.emulated_pi import EmulatedPi
from fake_clock import FakeClock, remove_leftovers
from loopback_sshd import LoopbackServer
from native_runner import built_runner, host_libraries
from own_adb_server import OwnAdbServer
from phone_project import PhoneProject
from remote_project import RemoteProject
from tiny_models import write_export, write_images

from bench.devices import platform
from bench.devices.runner_python import RunnerPython
from bench.devices.transport.adb_program import has_adb
from bench.measurement.job import Job
from bench.measurement.plan import PLANS

# Its tests are imported by others, and say as much when they fail.
pytest.register_assert_rewrite("any_connection")
# Devices of tests that run at the same time are this machine, whose accounts share one lease.
platform.SHARED_FILE = ""
# A shell that starts us in the background has Ctrl-C ignored, which children inherit; the tests
# that press it need what a terminal gives.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup's; programs of devices end by it
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def own_adb_server(tmp_path_factory):
    """Whoever asks adb, as a DEVICE that is not known does, asks a server that ends with the tests
    and knows nobody's phones."""
    if not has_adb():
        yield
        return
    home = tmp_path_factory.mktemp("adb")
    with pytest.MonkeyPatch.context() as patch, OwnAdbServer(home) as server:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(server.port))
        server.adb("start-server")  # here it writes to a home of its own
        yield


@pytest.fixture
def fake_clock(tmp_path):
    """A wall clock of the test's own; what dead processes of it left is removed."""
    yield FakeClock(tmp_path / "clock")
    remove_leftovers()


@pytest.fixture
def tiny_project(tmp_path, monkeypatch):
    """A folder to run commands in: exported files of a tiny network and 30 labelled images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.keras").touch()
    write_images(tmp_path / "data.npz")
    write_export(tmp_path / "artifacts")
    return tmp_path


@pytest.fixture
def keras_predictions(monkeypatch):
    """Predictions of Keras, without the seconds that TensorFlow takes to start: its own test
    is ``test_the_command_line_agrees_with_keras``."""
    right = np.eye(3, dtype=np.float32)
    monkeypatch.setitem(PLANS, "default", QUICK)
    monkeypatch.setattr("models.reference.outputs", lambda s, o, data, i: right[data.labels[i] % 3])


@pytest.fixture(scope="session")
def loopback(tmp_path_factory):
    """A real OpenSSH server, shared by all tests."""
    with LoopbackServer(tmp_path_factory.mktemp("loopback") / "server") as server:
        yield server


@pytest.fixture
def far(tiny_project, keras_predictions, loopback, monkeypatch):
    """The project with a device "pi" over a connection. Its Python is this one: no environment
    is made there."""
    monkeypatch.setattr("bench.devices.board.provision", lambda *_: RunnerPython((sys.executable,)))
    with BreakableRelay(loopback.port) as between:
        yield RemoteProject(tiny_project, loopback, between, monkeypatch)


@pytest.fixture
def start_far(tiny_project, keras_predictions, monkeypatch):
    """``start_far(variables)``: the same without a Python environment yet, through a server of the
    test's own, which gives what it runs these variables, as "A=1 B=2"."""
    with ExitStack() as stack:

        def start(variables=""):
            server = LoopbackServer(tiny_project / "server", variables=variables)
            between = stack.enter_context(BreakableRelay(stack.enter_context(server).port))
            return RemoteProject(tiny_project, server, between, monkeypatch)

        yield start


@pytest.fixture
def pixel(tiny_project, keras_predictions, emulated_phone, monkeypatch):
    """The project with the phone that all tests share; 30 images go there in three shards."""
    monkeypatch.setattr("bench.engine.shards.SHARD_IMAGES", 10)
    return PhoneProject(tiny_project, emulated_phone, monkeypatch)


@pytest.fixture
def start_pixel(tiny_project, keras_predictions, start_phone, monkeypatch):
    """``start_pixel(**options)``: the same with a phone of the test's own."""
    return lambda **options: PhoneProject(tiny_project, start_phone(**options), monkeypatch)


@pytest.fixture
def job(tmp_path):
    """One quick run of a tiny float32 network in LiteRT."""
    path = tmp_path / "float32.tflite"
    path.write_bytes(tiny_models.tflite())
    return Job(path, "tflite", "litert", 1, QUICK)


@pytest.fixture(scope="session")
def native_runner():
    """The native runner for this machine, with sanitizers compiled in."""
    return built_runner()


@pytest.fixture(scope="session")
def release_runner():
    """The native runner for this machine as `make native` builds it, beside its libraries."""
    return built_runner(sanitize="")


@pytest.fixture(scope="session")
def native_libraries():
    """A folder for the native runner's --libraries."""
    return host_libraries()


@pytest.fixture
def fresh_keras():
    """Layer names count from one again after the test."""
    yield
    import keras

    keras.utils.clear_session(free_memory=False)


@pytest.fixture(scope="session")
def v1_graph():
    """The float graph of the demo checkpoint of v1."""
    return float_graphs.demo("v1")


@pytest.fixture(scope="session")
def v3_graph():
    """The float graph of the demo checkpoint of v3-small."""
    return float_graphs.demo("v3-small")


def _demo_images(role, count):
    from models.data.dataset import open_dataset
    from models.data.image_source import ImageSize
    from models.data.preprocessing import preprocessed
    from models.networks.spec import Preprocess

    images = open_dataset("demo", role, ImageSize(96, 96, 3), None)
    found = [
        preprocessed(pixels, Preprocess()) for _, pixels in images.images(images.spread(count))
    ]
    return np.stack(found)


@pytest.fixture(scope="session")
def calibration_images():
    """64 preprocessed images of clothing, float32 [64, 96, 96, 3]."""
    return _demo_images("CALIB", 64)


@pytest.fixture(scope="session")
def evaluation_images():
    """100 others."""
    return _demo_images("DATA", 100)


@pytest.fixture(scope="session")
def v1_statistics(v1_graph, calibration_images):
    """Activation statistics of v1 on the calibration images."""
    from quantize.ranges.calibration import calibrate

    return calibrate(v1_graph, (image[None] for image in calibration_images), threads=2)


def _started(device, stack):
    try:
        return stack.enter_context(device)
    except CannotEmulate as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def emulated_pi():
    """A device without a network, shared by all tests: each cleans up what it makes."""
    with ExitStack() as stack:
        yield _started(EmulatedPi(), stack)


@pytest.fixture
def start_pi():
    """``start_pi(**options)``: a device of the test's own, with the options of Settings."""
    with ExitStack() as stack:
        yield lambda **options: _started(EmulatedPi(**options), stack)


@pytest.fixture(scope="session")
def emulated_phone():
    """A phone shared by all tests: each cleans up what it makes."""
    with ExitStack() as stack:
        yield _started(EmulatedPhone(), stack)


@pytest.fixture
def start_phone():
    """``start_phone(**options)``: a phone of the test's own, with the options of EmulatedPhone."""
    with ExitStack() as stack:
        yield lambda **options: _started(EmulatedPhone(**options), stack)
