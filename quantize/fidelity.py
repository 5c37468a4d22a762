"""How close one set of outputs is to another."""

from dataclasses import dataclass

import numpy as np

NO_ANSWER = -1


@dataclass(frozen=True)
class Fidelity:
    """Figures of outputs against a reference on the same ``images`` images.

    ``max_relative_error`` is the largest absolute error over the largest absolute reference value.
    ``sqnr_db`` is the signal-to-quantization-noise ratio; None where there is no noise at all.
    ``top1_agreement`` is a share in [0, 1].
    """

    images: int
    max_abs_error: float
    max_relative_error: float
    cosine: float
    sqnr_db: float | None
    top1_agreement: float


def answers(outputs: np.ndarray, output_kind: str) -> np.ndarray:
    """The class, int64 [n], that each row of ``outputs`` [n, classes] says.

    The lowest of several that tie. A network with one output says 1 above probability 0.5 (logit
    0), else 0. A row with a NaN or infinity in it is no answer, and never right.
    """
    if outputs.shape[1] == 1:
        said = (outputs[:, 0] > (0.0 if output_kind == "logits" else 0.5)).astype(np.int64)
    else:
        said = outputs.argmax(axis=1).astype(np.int64)
    return np.where(np.isfinite(outputs).all(axis=1), said, NO_ANSWER)


def compare(reference: np.ndarray, outputs: np.ndarray, output_kind: str) -> Fidelity:
    """Fidelity of ``outputs`` to ``reference``, both float [n, classes] of one output kind.

    Raises ValueError where the shapes differ or a value is not finite.
    """
    if reference.shape != outputs.shape or not len(reference):
        raise ValueError(f"outputs have shape {outputs.shape}; the reference {reference.shape}")
    if not (np.isfinite(reference).all() and np.isfinite(outputs).all()):
        raise ValueError("outputs that are not finite cannot be compared")
    said = answers(reference, output_kind)
    signal = reference.astype(np.float64)
    noise = outputs.astype(np.float64) - signal
    noise_energy = float(np.sum(noise**2))
    norms = np.linalg.norm(signal) * np.linalg.norm(signal + noise)
    peak = float(np.abs(signal).max())
    error = float(np.abs(noise).max())
    return Fidelity(
        images=len(signal),
        max_abs_error=error,
        max_relative_error=error / peak if peak else error,
        cosine=float(np.sum(signal * (signal + noise)) / norms) if norms else float(not error),
        sqnr_db=10 * float(np.log10(np.sum(signal**2) / noise_energy)) if noise_energy else None,
        top1_agreement=float(np.mean(said == answers(outputs, output_kind))),
    )
