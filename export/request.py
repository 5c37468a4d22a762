"""The request of one export: the network, and all that is to be made of it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from export import versions
from export.image_sets import ImageSets, open_image_sets
from models.command_line.options import Options
from models.data.image_source import ImageSize
from models.source import Source, resolve
from quantize.methods.chosen_images import check_images
from quantize.methods.plan import Plan
from quantize.schemes import registry
from quantize.schemes.scheme import Scheme


@dataclass(frozen=True)
class ExportRequest:
    """``options`` resolved: the network's ``source``, the ``plan`` by which int8 is searched for,
    and the ``schemes`` to make.
    """

    options: Options
    source: Source
    plan: Plan
    schemes: tuple[Scheme, ...]

    @classmethod
    def of(cls, options: Options) -> "ExportRequest":
        """RequestError for a network, methods, schemes or images that cannot be; loads nothing."""
        source = resolve(options)
        plan = Plan.of(options.methods, source, options.keep_float)
        schemes = registry.parse(options.schemes)
        check_images(options, source, "export")
        return cls(options, source, plan, schemes)

    @property
    def folder(self) -> Path:
        """The folder of the files."""
        return Path(self.options.out) / self.source.model_id

    def open_image_sets(self, size: ImageSize, classes: int | None) -> ImageSets:
        """The images of DATA and CALIB, for a network of that input size and number of outputs."""
        return open_image_sets(self.options, self.source, size, classes)

    def key(self, sets: ImageSets, size: ImageSize) -> str:
        """SHA-256 (hex) of everything that the files depend on."""
        parts = [
            self.source.identity(),
            asdict(self.plan),
            [asdict(scheme) for scheme in self.schemes],
            self.options.split,
            asdict(size),
            sets.fingerprint(),
            versions.library_versions(),
            versions.code_sha256(),
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
