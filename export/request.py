"""The request of one export: the network, and all that is to be made of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from export import versions
from export.export_file import ALL, ExportFile, FileOptions, wanted_files
from export.image_sets import ImageSets, open_image_sets
from export.limits import Limits, read_limits
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.source import Source, resolve
from quantize.methods.chosen_images import check_images
from quantize.methods.plan import Plan
from quantize.methods.training_images import check_training
from quantize.schemes import registry


@dataclass(frozen=True)
class ExportRequest:
    """``options`` resolved: the network's ``source``, the ``plan`` by which int8 is searched for,
    the ``files`` that are wanted, and the ``limits`` by which they are verified.
    """

    options: Options
    source: Source
    plan: Plan
    files: tuple[ExportFile, ...]
    limits: Limits

    @classmethod
    def of(cls, options: Options, wanted: FileOptions = ALL) -> "ExportRequest":
        """RequestError for a network, methods, files or images that cannot be; loads nothing."""
        source = resolve(options)
        plan = Plan.of(options.methods, source, options.keep_float)
        files = wanted_files(options.schemes, wanted)
        check_images(options, source, "export")
        check_training(options, plan)
        return cls(options, source, plan, files, read_limits())

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return Path(self.options.out) / self.source.model_id

    def open_image_sets(self, size: ImageSize, classes: int | None) -> ImageSets:
        """The images of the request, for a network of that input size and number of outputs."""
        return open_image_sets(self.options, self.source, self.plan, size, classes)

    def key(self, sets: ImageSets, size: ImageSize) -> str:
        """SHA-256 (hex) of everything that the files depend on, other than which are wanted: files
        of the same key are files of the same export."""
        parts = [
            self.source.identity(),
            asdict(self.plan),
            [asdict(scheme) for scheme in registry.parse(self.options.schemes)],
            asdict(self.limits),
            self.options.split,
            asdict(size),
            sets.fingerprint(),
            versions.library_versions(),
            versions.code_sha256(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
