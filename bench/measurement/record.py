"""One measurement, with its circumstances."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.measurement.accuracy import Accuracy
from bench.measurement.environment import Environment
from bench.measurement.plan import Plan
from bench.measurement.result import Result
from bench.measurement.warning import MeasurementWarning


@dataclass(frozen=True)
class Record:
    """One measurement of one artifact in one runtime on one device.

    ``kind`` is "run" (timed, and evaluated where there are images), "sustained" (timed for
    minutes), "gate" (timed, and evaluated where that is asked for) or "baseline" (timed for
    later gates).
    Records of one ``session``, a command's run, took turns. ``commit`` is the git commit of the
    folder the command ran in, "+" after it where files had changed; None outside a repository.
    ``artifact_bytes`` and ``plan`` are None in records of before they were kept. ``data`` names the
    images that ``accuracy`` is of. ``id`` is None until the history has given one.
    """

    kind: str
    session: str
    command: str
    commit: str | None
    device: str
    model_id: str
    artifact: str
    artifact_sha256: str
    artifact_bytes: int | None
    format: str
    scheme: str
    plan: Plan | None
    result: Result
    data: str | None
    accuracy: Accuracy | None
    environment: Environment
    warnings: tuple[MeasurementWarning, ...] = ()
    time_utc: str = ""
    id: int | None = None


@dataclass(frozen=True)
class Drift:
    """The distance between the outputs of two columns of one session's drift matrix, on the same
    ``images``. A column is "keras" or "artifact runtime device"; figures as in Accuracy, which are
    None of outputs that are no classes."""

    session: str
    a: str
    b: str
    images: int
    agreeing: int | None
    sqnr_db: float | None
    cosine: float
    mean_softmax_change: float | None
    worst_softmax_change: float | None

    @property
    def agreement(self) -> float | None:
        """The share of images with the same prediction, in [0, 1]."""
        return None if self.agreeing is None else self.agreeing / self.images


def now_utc() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_session() -> str:
    """A name that no other session has, in the order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
