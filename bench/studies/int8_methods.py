"""Quantization methods on images that nobody chose by: ``python -m bench.studies.int8_methods``.

Small networks of random architecture, width and input size are trained on Fashion-MNIST, then
quantized by every method that METHODS=auto takes, with no target that ends the search early. Each
accepted method is judged on test images that neither calibrated nor chose: a line says by how many
dB it lowered the KL divergence from the float network and raised the SQNR, each with a 95 %
interval by a paired bootstrap over the images, after the gain in SQNR on the images that chose it.
"worse": it lost, "WORSE": beyond noise, which is that all of the interval is a loss. At the end:
the share of acceptances that lost, which is to be at most 5 %.

Trained weights are kept (--cache): the next run trains only what is not there. --train-only ends
with that. Training needs Fashion-MNIST's training images, e.g. Debian's dataset-fashion-mnist.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.studies import random_networks
from bench.studies.claim import Claim
from bench.studies.held_out import Acceptance, Found, Images, search_judged
from bench.studies.random_networks import RandomNetwork
from bench.studies.sum_ratio import SumRatio
from models.command_line import command, options, progress, quiet_logs, starting
from models.command_line.advice import module_line
from models.command_line.errors import CheckFailed, CommandError, RequestError
from models.command_line.options import OneLineParser, Options
from models.data.dataset import Dataset, open_dataset
from models.network import Network
from models.source import resolve
from quantize.ranges.calibration import check_enough

MOST_LOWERED = 0.05
MIN_HELD_OUT = 100
HEADING = f"  {'accepted method':<22}{'chosen':>7}  {'held out: KL, dB':<29} SQNR, dB"


@dataclass(frozen=True)
class Study:
    """The number of ``networks`` of a ``seed``, how long each is trained, and its images."""

    networks: int = 20
    seed: int = 0
    steps: int = 800
    n_calib: int = 128
    n_choose: int = 256
    n_held_out: int = 2000
    threads: int = 2
    cache: str = ".cache/int8-methods"
    train_only: bool = False

    def __post_init__(self) -> None:
        for name, least in (("networks", 1), ("seed", 0), ("steps", 20), ("n_choose", 1),
                            ("n_held_out", MIN_HELD_OUT), ("threads", 1)):  # fmt: skip
            if getattr(self, name) < least:
                raise RequestError(
                    f"{name.upper()} is {getattr(self, name)}; expected at least {least}"
                )
        check_enough(self.n_calib)


HELP = {
    "networks": "how many networks",
    "seed": "of the networks and their images",
    "steps": "training steps of each network, 64 images each",
    "n_calib": "how many images to calibrate on",
    "n_choose": "how many images methods are chosen by",
    "n_held_out": "how many further images to judge on",
    "threads": "threads of the runtime",
    "cache": "folder of the trained weights",
    "train_only": "1 ends when all networks are trained",
}


def main(argv: Sequence[str]) -> int:
    """Print a line for each network and each accepted method, and the shares; the exit code."""
    parser = OneLineParser(prog=module_line("bench.studies.int8_methods"), description=__doc__)
    options.add_table(parser, Study, HELP)
    return command.exit_code(
        lambda: run(options.from_namespace(parser.parse_args(argv), Study)),
        "interrupted; run the same command to go on with the networks that are not trained yet",
    )


def run(study: Study) -> None:
    """CheckFailed where more acceptances than wanted lower a figure, or a network has none."""
    if not study.train_only:
        print(HEADING, flush=True)
    found: list[Found] = []
    failed: list[str] = []
    for number in range(study.networks):
        network = random_networks.draw(number, study.seed)
        try:
            judged = _judged(network, study)
        except CommandError as error:
            print(f"{network.name}: {error}", flush=True)
            failed.append(network.name)
            continue
        if judged is not None:
            print(text(network, judged), flush=True)
            found.append(judged)
    claims = lowered([one for each in found for one in each.acceptances])
    for claim in claims:
        print(claim)
    wrong = [claim.name for claim in claims if not claim.holds] + failed
    if wrong:
        raise CheckFailed("does not hold: " + "; ".join(wrong))


def _judged(drawn: RandomNetwork, study: Study) -> Found | None:
    """None where it is only to be trained."""
    with progress.step(drawn.name) as show, quiet_logs.held_back():
        path = random_networks.weights(drawn, study.steps, Path(study.cache), show)
        if study.train_only:
            return None
        spec = drawn.spec
        asked = Options(
            arch=spec.arch, alpha=spec.alpha, res=spec.resolution, weights=str(path), data="demo"
        )
        network = resolve(asked).load()
        return search_judged(network, _images(network, drawn, study), study.threads, show)


def _images(network: Network, drawn: RandomNetwork, study: Study) -> Images:
    """Other images for each network, or one lucky set would decide for all of them."""
    random = np.random.default_rng((*drawn.seed, 2))
    calib, data = (open_dataset("demo", role, network.size, None) for role in ("CALIB", "DATA"))
    wanted = study.n_choose + study.n_held_out
    if study.n_calib > len(calib) or wanted > len(data):
        raise RequestError(
            f"N_CALIB is {study.n_calib}, N_CHOOSE and N_HELD_OUT are {wanted} together; the demo "
            f"has {len(calib)} images to calibrate on and {len(data)} others"
        )
    calibration = random.permutation(len(calib))[: study.n_calib]
    choosing, held_out = np.split(random.permutation(len(data))[:wanted], [study.n_choose])

    def read(dataset: Dataset, indices: np.ndarray) -> np.ndarray:
        from models.data.preprocessing import preprocessed

        images = dataset.images(indices)
        return np.stack([preprocessed(pixels, network.preprocess) for _, pixels in images])

    return Images(
        calibration=read(calib, calibration),
        choosing=read(data, choosing),
        held_out=read(data, held_out),
        labels=data.labels[held_out],
    )


def text(network: RandomNetwork, found: Found) -> str:
    """A line on the network, one for each accepted method, and those on the other methods."""
    spec = network.spec
    lines = [
        f"{spec.arch} alpha {spec.alpha:g} at {spec.resolution}, network {network.seed[1]} of seed "
        f"{network.seed[0]}: float top-1 {found.top1:.1%}"
    ]
    for one in found.acceptances:
        figures = f"{_shown(one.divergence)} {_shown(one.noise)}"
        lines.append(f"  {one.method:<22}{one.chosen_db:>+7.2f}  {figures}".rstrip())
    for what, methods in (("dropped", found.dropped), ("do not apply", found.left_out)):
        if methods:
            lines.append(f"  {what}: {', '.join(methods)}")
    return "\n".join([*lines, *(f"  failed: {why}" for why in found.failures)])


def _shown(gain: SumRatio) -> str:
    verdict = "" if gain.db >= 0 else "WORSE" if gain.is_below_1 else "worse"
    return f"{gain!s:<23}{verdict:<6}"


def lowered(acceptances: Sequence[Acceptance]) -> list[Claim]:
    """At most so many acceptances lower the figure: at all, and beyond noise. None: no claims."""
    return list(_claims(acceptances)) if acceptances else []


def _claims(acceptances: Sequence[Acceptance]) -> Iterator[Claim]:
    for figure, name in (("divergence", "KL"), ("noise", "SQNR")):
        gains = [getattr(one, figure) for one in acceptances]
        for how, counted in (
            ("at all", [gain.db < 0 for gain in gains]),
            ("beyond noise", [gain.is_below_1 for gain in gains]),
        ):
            what = f"acceptances that worsen the held-out {name} {how}"
            yield Claim(what, sum(counted), len(gains), MOST_LOWERED, at_least=False)


if __name__ == "__main__":
    sys.exit(starting.run(main))
