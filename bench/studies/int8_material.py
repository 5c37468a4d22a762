"""The material of a comparison: one network, its images, and the files that our export makes."""

import subprocess
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.studies.nncf_process import ROUNDS
from models.command_line.child_python import module_command
from models.command_line.errors import DeviceError
from models.command_line.options import Options
from models.command_line.progress import Report
from quantize.methods.inputs import Inputs

EXPORTED = "float32.onnx,int8.tflite,int8.onnx"
OF_THIS_STUDY = ("data", "calib", "n_calib", "n_eval", "out", "schemes", "split")


@dataclass(frozen=True)
class Material:
    """The network, the images, and ``scratch``, a folder. ``choosing``: what our methods are chosen
    by; ``judging``: what nobody sees before; preprocessed float32 [n, h, w, c]. ``environments``:
    the folder of those that are made for tools."""

    asked: Options
    inputs: Inputs
    choosing: np.ndarray
    judging: np.ndarray
    scratch: Path
    environments: Path
    report: Report
    rounds: int = ROUNDS

    @cached_property
    def exported(self) -> Path:
        """The folder with the files that our export makes, as every user's does, of the images to
        calibrate on and to choose by; DeviceError with what it said where it fails."""
        images = {"data": self.choosing, "calib": self.inputs.calibration}
        words = ["--n-calib", str(len(images["calib"])), "--files", EXPORTED]
        for name, values in images.items():
            path = self.scratch / f"{name}.npz"
            np.savez(path, x=self._pixels(values), y=np.zeros(len(values), int))
            words += [f"--{name}", str(path)]
        for option in fields(Options):
            value = getattr(self.asked, option.name)
            if value != option.default and option.name not in OF_THIS_STUDY:
                text = str(int(value) if value is True else value)
                words += ["--" + option.name.replace("_", "-"), text]
        out = self.scratch / "exported"
        run_to_end(module_command("export", *words, "--out", str(out)), "our export")
        (folder,) = out.iterdir()
        return folder

    def _pixels(self, images: np.ndarray) -> np.ndarray:
        """Images as they were before they were preprocessed, uint8 where nothing is lost so."""
        preprocess = self.inputs.network.preprocess
        pixels = (images - np.float32(preprocess.offset)) / np.float32(preprocess.scale)
        whole = np.rint(pixels)
        is_whole = np.abs(pixels - whole).max() < 1e-2
        return whole.astype(np.uint8) if is_whole else np.clip(pixels, 0, 255)


def run_to_end(command: list[str], who: str) -> None:
    """Run it to its end; DeviceError with the last line that it wrote where it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise DeviceError(f"{who} failed: {(lines or [f'exit code {done.returncode}'])[-1]}")
