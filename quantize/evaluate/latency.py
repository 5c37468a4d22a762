"""Latencies of graphs beside each other: taken in turns, so that a busy moment hits them alike."""

import time
from dataclasses import dataclass

import numpy as np

from quantize.graph.graph import Graph

ROUNDS = 20
RUNS_A_ROUND = 5


@dataclass(frozen=True)
class Latency:
    """The median of ``samples`` warm inferences in LiteRT on this machine."""

    median_s: float
    samples: int


def in_turns(
    graphs: dict[str, Graph], threads: int, rounds: int = ROUNDS, runs_a_round: int = RUNS_A_ROUND
) -> dict[str, Latency]:
    """The latency of each graph, by the keys of ``graphs``, all measured in this process."""
    interpreters = {name: graph.interpreter(threads) for name, graph in graphs.items()}
    for interpreter in interpreters.values():
        interpreter.invoke()
    samples: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in range(rounds):
        for name, interpreter in interpreters.items():
            for _ in range(runs_a_round):
                start = time.perf_counter()
                interpreter.invoke()
                samples[name].append(time.perf_counter() - start)
    return {name: Latency(float(np.median(s)), len(s)) for name, s in samples.items()}
