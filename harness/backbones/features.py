"""The feature cache: what a backbone makes of every image of a data set."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from harness import backend
from harness import fingerprint as fp
from harness.backbones import Backbone, find
from harness.backbones.backbone import Layer, Precision, Storage
from harness.backbones.engine import engine
from harness.console import say
from harness.data.cache import BLOCK, MODULES, Filled, Input, blocks
from harness.data.dataset import Dataset
from harness.data.image_cache import Decoded, decoded, in_threads
from harness.data.images import Geometry
from harness.data.rows import Layout, checksums
from harness.data.views import View, views
from harness.inference import Engine, halving

Array = np.ndarray

# Crops are cut from images so much larger: 256 to 224, as in Krizhevsky et al. (2012).
CROPPED = 8 / 7


@dataclass(frozen=True)
class Features(Input):
    """Features of every image, straight from the images' files: a row is (d,), or (views, d) of several views.

    Args:
        backbone: a key of ``harness.backbones.BACKBONES``.
        side: the height and width images are brought to; None takes those it was trained on.
        layers: the layers tapped, by name or index; none: the backbone's default one.
        views: keys of ``harness.data.views.VIEWS``, joined by "+".
        precision: of the arithmetic, as for ``harness.backbones.engine.engine``.
        storage: of the numbers kept.
    """

    backbone: str
    side: int | None = None
    layers: tuple[Layer, ...] = ()
    views: str = "centre"
    precision: Precision = "float32"
    storage: Storage = "float32"

    kind = "features"

    def __str__(self) -> str:
        parts = [self.backbone, *([str(self.side)] if self.side else []), *map(str, self.layers)]
        parts += [value for value in (self.views, self.precision, self.storage) if value not in ("centre", "float32")]
        return "-".join(parts)

    @property
    def layout(self) -> Layout:
        several = (len(self.looks),) if len(self.looks) > 1 else ()
        return Layout("features", (*several, _engine(self).features), np.dtype(self.storage).type)

    @property
    def looks(self) -> tuple[View, ...]:
        """The views, in the order of a row's."""
        return tuple(view for view in views(self.views, mirror=True, drawn=False) if isinstance(view, View))

    def key(self, dataset: Dataset) -> str:
        backbone = self._backbone()
        return fp.fingerprint(
            features=self,
            backbone=backbone,
            weights=backbone.weights_fingerprint(),
            dataset=dataset.fingerprint,
            opencv=cv2.__version__,
            code=fp.code(
                "data.images",
                "data.image_cache",
                "data.views",
                "inference",
                *(f"backbones.{name}" for name in ("__init__", "backbone", "engine", "features")),
                *MODULES,
            )
            + backbone.code(),
        )

    def attributes(self) -> dict[str, Any]:
        return {
            "features": json.dumps(dataclasses.asdict(self)),
            "weights": self._backbone().weights_fingerprint(),
            "engine": _engine(self).name,
        }

    def fill(self, dataset: Dataset, rows: Array) -> Iterator[Filled]:
        run = _engine(self)
        side = self._backbone().side
        large = round(side * CROPPED) if "crop" in self.views else side
        say(f"{self.kind} {self}: {run.name}")

        def decode(some: Array) -> tuple[Array, Decoded]:
            return some, decoded(dataset, some, Geometry(large, large))

        # While the network is at one block, the next ones are decoded.
        pieces = [rows[block.start : block.stop] for block in blocks(len(rows), max(BLOCK, run.batch))]
        for some, (images, state, unreadable) in in_threads(decode, pieces):
            found = [halving(run, _shown(view, images, side)) for view in self.looks]
            features = np.stack(found, axis=1).astype(self.storage).reshape(len(some), *self.layout.shape)
            yield Filled(some, {"features": features, "checksums": checksums(features), "state": state}, unreadable)

    def _backbone(self) -> Backbone:
        return find(self.backbone, self.side)


def _shown(view: View, images: Array, side: int) -> Array:
    seen = view.of(images, side, side)
    return np.ascontiguousarray(seen if view.scale == 1 else np.rint(seen), np.uint8)


# One at a time: a network may take half a gigabyte.
@functools.lru_cache(1)
def _engine(features: Features) -> Engine:
    backend.start(seed=0)
    return engine(features._backbone(), features.layers, features.precision)
