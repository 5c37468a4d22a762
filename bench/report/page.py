"""The report as one HTML file that needs nothing else: no network, no other file."""

import base64
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bench.measurement.environment import Environment
from bench.measurement.record import Record, now_utc
from bench.report import history_chart
from bench.report.chart import Chart
from bench.report.contents import Contents, RowKey
from bench.report.distribution_chart import distributions
from bench.report.drift_chart import drift_matrix
from bench.report.pareto import pareto
from bench.report.rows import HEADINGS, WORDS, Row, in_order, rows
from bench.report.sustained_chart import Pace, pace, sustained
from models.command_line.printable import printable_lines

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Machine:
    """One device's part of a model's section; charts are names in the page's list, or None.
    ``emulated``: all that was measured there was, and is in no chart of times."""

    name: str
    environments: tuple[str, ...]
    rows: list[Row]
    distributions: str | None
    history: str | None
    paces: list[Pace]
    sustained: str | None
    emulated: bool


@dataclass(frozen=True)
class Section:
    """A model's part of the page. ``picture`` is a data URI."""

    model_id: str
    anchor: str
    machines: list[Machine]
    drift: str | None
    picture: str | None
    warnings: list[tuple[str, str, list[tuple[str, str]]]]
    commands: list[tuple[str, str, list[str]]]


class Charts:
    """The charts of a page, each under the id of the element it is drawn in."""

    def __init__(self) -> None:
        self._charts: dict[str, dict] = {}

    def add(self, chart: Chart | None) -> str | None:
        if chart is None:
            return None
        name = f"chart-{len(self._charts) + 1}"
        self._charts[name] = chart.as_dict()
        return name

    def to_json(self) -> str:
        """For a <script> element: no name in it can end that element."""
        text = json.dumps(self._charts, allow_nan=False, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page(contents: Contents) -> str:
    """The whole file. Every name in it that comes from outside is escaped."""
    from jinja2 import Environment as Jinja
    from jinja2 import FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    charts = Charts()
    overview = charts.add(pareto(contents.records))
    sections = list(_sections(contents, charts))
    jinja = Jinja(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable_lines(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return jinja.get_template("page.html").render(
        style=Markup((FOLDER / "page.css").read_text("utf-8")),
        script=Markup((FOLDER / "page.js").read_text("utf-8")),
        plotting=_packed_plotting_library(),
        charts=Markup(charts.to_json()),
        overview=overview,
        sections=sections,
        headings=HEADINGS,
        words=WORDS,
        measured=_when(contents.records),
        made=_minute(now_utc()),
        count=len(contents.records),
    )


@cache
def _packed_plotting_library() -> str:
    """Plotly's JavaScript, gzip in base64: 2 MB instead of 5; the page unpacks it. Packing it takes
    most of the time of a page."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def _sections(contents: Contents, charts: Charts) -> Iterator[Section]:
    everything = (*contents.records, *contents.sustained)
    for number, model_id in enumerate(dict.fromkeys(r.model_id for r in everything), 1):
        of_machine = replace(
            contents,
            records=tuple(r for r in contents.records if r.model_id == model_id),
            sustained=tuple(r for r in contents.sustained if r.model_id == model_id),
        )
        devices = dict.fromkeys(r.device for r in (*of_machine.records, *of_machine.sustained))
        of_model = sorted(
            (*in_order(of_machine.records), *in_order(of_machine.sustained)),
            key=lambda r: list(devices).index(r.device),
        )
        sessions = {r.session for r in of_model}
        drifts = [d for d in contents.drifts if d.session in sessions]
        picture = contents.pictures.get(model_id)
        yield Section(
            model_id,
            f"model-{number}",
            [_machine(of_machine, device, charts) for device in devices],
            charts.add(drift_matrix(drifts)),
            picture and _data_uri(picture),
            _warnings(of_model),
            _commands(of_model),
        )


def _machine(contents: Contents, device: str, charts: Charts) -> Machine:
    records = in_order([r for r in contents.records if r.device == device])
    long_runs = [r for r in contents.sustained if r.device == device]
    lines = [contents.histories.get(RowKey.of(record), ()) for record in records]
    environments = dict.fromkeys(described(r.environment) for r in (*records, *long_runs))
    return Machine(
        device,
        tuple(environments),
        rows(records),
        charts.add(distributions(records)),
        charts.add(history_chart.history(lines)),
        [found for r in long_runs if (found := pace(r))],
        charts.add(sustained(long_runs)),
        all(r.environment.emulated for r in (*records, *long_runs)),
    )


def described(environment: Environment) -> str:
    """A machine in one line."""
    about = [
        *([environment.board] if environment.board else ()),
        environment.cpu_model,
        f"{environment.cores} cores",
        f"{environment.memory_bytes / 2**30:.1f} GiB",
        *([environment.os] if environment.os else ()),
        f"{environment.system} {_architecture(environment)}",
        *([f"Python {environment.python}"] if environment.python else ()),
        *(f"{name} {version}" for name, version in sorted(environment.versions.items())),
        *(["emulated: times mean nothing"] if environment.emulated else ()),
    ]
    return ", ".join(about)


def _architecture(environment: Environment) -> str:
    """Of the programs, and of the kernel where that is another."""
    kernel, programs = environment.kernel_architecture, environment.architecture
    return programs if kernel in (None, programs) else f"{kernel} with {programs} programs"


def row_name(record: Record) -> str:
    return f"{record.artifact} in {record.result.runtime} on {record.device}"


def _warnings(records: Sequence[Record]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Each kind and its advice once, with the rows that have it and what was found there."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for record in records:
        for warning in record.warnings:
            where = (row_name(record), warning.message)
            found.setdefault((warning.kind, warning.advice), []).append(where)
    return [(*key, rows_of) for key, rows_of in found.items()]


def _commands(records: Sequence[Record]) -> list[tuple[str, str, list[str]]]:
    """Each command with the commit it ran at, and the rows that came of it."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        where = f"at commit {record.commit}" if record.commit else "outside a git repository"
        found.setdefault((record.command, where), []).append(row_name(record))
    return [(*key, list(dict.fromkeys(names))) for key, names in found.items()]


def _when(records: Sequence[Record]) -> str:
    times = sorted({_minute(record.time_utc) for record in records if record.time_utc})
    return " to ".join(dict.fromkeys((times[0], times[-1]))) if times else ""


def _minute(time_utc: str) -> str:
    return f"{time_utc[:16].replace('T', ' ')} UTC"


def _data_uri(svg: str) -> str:
    """As an image, in which no script runs."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
