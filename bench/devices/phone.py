"""An Android phone: no Python, no root, the native runner under /data/local/tmp."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.devices.native.bundle import Bundle, bundle_for, target_on_phone
from bench.devices.phone_facts import PhoneFacts, battery, big_cores, phone_facts
from bench.devices.platform import AcquiredDevice, Note, leased
from bench.devices.push_native_runner import put_harness
from bench.devices.settings import DeviceSettings
from bench.devices.stay_awake import stay_awake
from bench.devices.transport.transport import Transport
from bench.measurement.environment import Battery
from bench.measurement.result import ConnectionLost
from models.command_line.errors import DeviceError, RequestError
from models.command_line.progress import Report, note

DUMPSYS_S = 5.0


class Phone:
    """The Platform reached through ``transport`` whose runner is the native one."""

    def __init__(self, settings: DeviceSettings, transport: Transport) -> None:
        self._settings, self._transport = settings, transport
        self._facts: PhoneFacts | None = None
        self._unanswered: set[str] = set()

    @contextmanager
    def acquired(self, owner: str, note: Note, show: Report) -> Iterator[AcquiredDevice]:
        """The phone, leased to ``owner`` until the block ends."""
        show("connecting")
        try:
            self._transport.connect()
            self._facts = facts = phone_facts(self._transport, self._settings)
            with leased(self._transport, facts.cache, owner, note, show) as acquired:
                yield acquired
        finally:
            self._transport.close()

    @contextmanager
    def ready(
        self, acquired: AcquiredDevice, note: Note, show: Report
    ) -> Iterator[tuple[str, ...]]:
        """The words that start the runner; the phone does not sleep until the block ends."""
        bundle = _bundle(self._facts, show)
        runner = put_harness(self._transport, acquired.store, bundle, show)
        show("keeping it awake")
        with stay_awake(self._transport.start, self._settings.name, acquired.cache, note):
            yield runner

    def cores(self, threads: int) -> tuple[int, ...] | None:
        """The big ones; all where they are alike, or the phone does not tell."""
        return big_cores(self._facts.max_khz, threads)

    def battery(self) -> Battery:
        """Its present state."""
        return battery(*map(self._dumped, ("battery", "thermalservice")))

    def _dumped(self, service: str) -> str:
        """The state of a service; "" for one that does not answer, which is asked once only: it is
        asked before and after every group of turns."""
        if service in self._unanswered:
            return ""
        try:
            return self._transport.run(["dumpsys", service], DUMPSYS_S).stdout.decode(
                errors="replace"
            )
        except ConnectionLost:
            raise
        except DeviceError as error:
            self._unanswered.add(service)
            name = self._settings.name
            note(f"{name}: dumpsys {service} does not answer, and is not asked again: {error}")
            return ""


def _bundle(facts: PhoneFacts, show: Report) -> Bundle:
    """For the best of the phone's kinds of programs that there is a target for. DeviceError or
    RequestError, with what to run, where it cannot be built."""
    *better, last = facts.abis
    for abi in better:
        try:
            return bundle_for(target_on_phone(abi), show)
        except RequestError:
            continue  # a runner of the next kind does as well
    return bundle_for(target_on_phone(last), show)
