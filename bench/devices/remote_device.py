"""A device at the other end of a connection, on which jobs run as they do on this machine."""

import secrets
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from bench.devices.free_memory import available_bytes
from bench.devices.host import ENVIRONMENT_S
from bench.devices.lease.lease_command import NOT_STARTED_CODE, lease_command
from bench.devices.platform import Platform, owner
from bench.devices.reconnect import RECONNECT_S, Reconnect
from bench.devices.runner_process import RemoteEnd, RunnerProcess
from bench.devices.running_jobs import RunningJobs
from bench.devices.settings import DeviceSettings
from bench.devices.transport.ssh_failure import last_line
from bench.devices.transport.transport import Transport
from bench.measurement import output_arrays
from bench.measurement.environment import Battery, Environment
from bench.measurement.job import Images, Job
from bench.measurement.result import LOST, ConnectionLost, Result
from models.checked_json import parse
from models.command_line.errors import DeviceError
from models.command_line.progress import Report, step

ORDER_S = 30.0
FRUITLESS_TRIES = 3
CANNOT_RUN_CODE = 126  # of a shell, and of env


class RemoteDevice:
    """The ``platform`` that ``transport`` connects to, as a device. A context manager: leaving it
    ends what runs there and lets others have it; only its cache directory stays.

    ``note`` is told, in a line, what a person should know. DeviceError on entering, in one line
    with what to do, where the device cannot be had.
    """

    def __init__(
        self,
        settings: DeviceSettings,
        transport: Transport,
        platform: Platform,
        note: Callable[[str], None],
        reconnect_s: float = RECONNECT_S,
    ) -> None:
        self.name = settings.name
        self._settings, self._transport, self._note = settings, transport, note
        self._platform = platform
        self._ending, self._running = ExitStack(), RunningJobs()
        self._owner = owner()
        self._reconnect = Reconnect(self.name, note, self._running.pause, reconnect_s)

    def __enter__(self) -> "RemoteDevice":
        # Ahead of any line of progress: ssh may ask for a password on the terminal.
        self._transport.connect()
        with step(self.name) as show:
            self._open(show)
        return self

    def __exit__(self, *_) -> None:
        self._ending.close()

    def _open(self, show: Report) -> None:
        with ExitStack() as ending:
            self._acquired = acquired = ending.enter_context(
                self._platform.acquired(self._owner, self._note, show)
            )
            self._outputs = acquired.cache / "outputs"
            self._transport.run_check(["rm", "-rf", self._outputs], ORDER_S)
            self._runner = ending.enter_context(self._platform.ready(acquired, self._note, show))
            self._ending = ending.pop_all()

    def reconnect(self) -> bool:
        """Try to reach the device again after its connection broke: True where that succeeded."""
        return self._reconnect.reach(self._reopen)

    def _reopen(self, show: Report) -> None:
        self._ending.close()
        self._open(show)

    def environment(self) -> Environment:
        """Description of the device and its software."""
        command = [*self._runner, "--environment"]
        done = self._transport.run(command, ENVIRONMENT_S)
        words = last_line(done.stderr) or f"exit code {done.code}"
        if done.code == CANNOT_RUN_CODE:
            raise DeviceError(
                f"{self.name}: nothing in {self._acquired.cache} may run there: {words}; is that "
                f"file system mounted noexec? set cache of {self.name} in devices.toml to a folder "
                "of another"
            )
        if done.code:
            raise DeviceError(f"{self.name}: its runner does not start: {words}")
        try:
            found = Environment.from_dict(parse(done.stdout))
        except ValueError as error:
            raise DeviceError(f"{self.name} does not say what machine it is: {error}") from error
        return replace(found, emulated=found.emulated or self._settings.emulated)

    def start_program(self, argv: Sequence[str]) -> subprocess.Popen:
        """Another program there, its pipes here."""
        return self._transport.start(argv)

    def free_memory_bytes(self) -> int | None:
        """Memory available there now without swapping; None where it does not tell."""
        words = ["cat", "/proc/meminfo"]
        try:
            output = self._transport.run_check(words, ORDER_S)
        except ConnectionLost:  # it is asked ahead of all timing, which would be lost too
            if not self.reconnect():
                raise
            output = self._transport.run_check(words, ORDER_S)
        return available_bytes(output.decode(errors="replace"))

    def battery(self) -> Battery | None:
        """Its present state; None where there is none."""
        return self._platform.battery()

    def start(self, job: Job) -> RunnerProcess:
        """``job``, of files here, running there: to be asked for turns, or just to be finished.

        What it is to classify is pushed; the outputs stay there.
        """
        return self._started(job)[0]

    def run(self, job: Job) -> Result:
        """The result of ``job``; its outputs are fetched as they are written. A connection
        that breaks is tried again, and goes on at the first shard that is not here."""
        if job.images is None:
            with self.start(job) as child:
                return child.finish()
        fetched = fruitless = 0
        while True:
            before = fetched
            child, sent = self._started(replace(job, images=job.images.after(fetched)))

            def fetch(event: dict, before: int = before, sent: Job = sent) -> None:
                nonlocal fetched
                if event["event"] == "classified":
                    if fetched == len(job.images.outputs):
                        raise DeviceError(f"{self.name} classified more than it was given")
                    remote_output = sent.images.outputs[fetched - before]
                    self._transport.get(
                        remote_output, job.images.outputs[fetched], job.images.most_bytes
                    )
                    fetched += 1  # it is here, even if the connection breaks now
                    self._transport.run_check(["rm", "-f", remote_output], ORDER_S)

            with child:
                result = self._finished(child, fetch)
            fruitless = 0 if fetched > before else fruitless + 1
            is_lost = result.error is not None and result.error.kind == LOST
            if not is_lost or fruitless == FRUITLESS_TRIES or not self.reconnect():
                outputs = job.images.outputs[:fetched]
                return replace(result, images=sum(map(output_arrays.images, outputs)))

    def stop(self) -> None:
        """End every child, and start no more; from any thread."""
        self._running.stop()
        self._transport.stop()
        if self._reconnect.is_trying:  # what waits for an answer would wait for many seconds
            self._transport.close()

    def _started(self, job: Job) -> tuple[RunnerProcess, Job]:
        """``job`` running, and with the names of its files there."""
        name, sent, refused = secrets.token_hex(8), job, None
        try:
            if self._reconnect.has_given_up or not self._acquired.lease.is_held():
                raise ConnectionLost(
                    f"{self.name}: there is no connection, or no lease of the device"
                )
            sent = self._pushed(job)
        except DeviceError as error:
            refused = error
        words = lease_command(self._acquired.cache, name, self._runner)
        # What cannot be registered has no agent any more: the connection that it had is gone.
        lost = self._transport.lost_code, NOT_STARTED_CODE
        remote = RemoteEnd(lost, lambda: self._acquired.lease.end(name))

        def start() -> subprocess.Popen:
            if refused:
                raise refused
            return self._transport.start(words)

        unanswered = self._running.unanswered
        child = RunnerProcess(start, job, remote=remote, sent=sent, unanswered=unanswered)
        return self._running.add(child), sent

    def _finished(self, child: RunnerProcess, heard: Callable[[dict], None]) -> Result:
        try:
            return child.finish(heard)
        except ConnectionLost as error:
            return Result.failed(child.job, LOST, str(error))
        except DeviceError as error:
            return Result.failed(child.job, "not_fetched", str(error))

    def _pushed(self, job: Job) -> Job:
        """``job`` with the names that its files have there, pushed."""
        with step(self.name) as show:
            images = job.images and self._pushed_images(job.images, show)
            artifact = self._acquired.store.put(job.artifact, show)
            cores = job.affinity or self._platform.cores(job.threads)
            return replace(job, artifact=artifact, images=images, affinity=cores)

    def _pushed_images(self, images: Images, show: Report) -> Images:
        folder = self._outputs / secrets.token_hex(8)
        self._transport.run_check(["mkdir", "-p", folder], ORDER_S)
        outputs = tuple(folder / f"{n}.npy" for n in range(len(images.shards)))
        return replace(
            images, shards=self._acquired.store.put_all(images.shards, show), outputs=outputs
        )
