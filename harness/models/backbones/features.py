"""The feature cache: a backbone's features of every image of a data set."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from harness.data.cache.cache import BLOCK, Filled, Input, blocks
from harness.data.cache.image_cache import Decoded, decoded, in_threads
from harness.data.cache.rows import Layout, checksums
from harness.data.dataset import Dataset
from harness.data.images import Geometry
from harness.data.windowed import decoding_steps
from harness.models import keras_backend
from harness.models.backbones import Backbone, find
from harness.models.backbones.backbone import Layer, Precision, Storage
from harness.models.backbones.engine import engine, engine_key
from harness.models.inference import Engine, halving
from harness.tta.views import CENTRE, View, views
from harness.utils import fingerprint as fp
from harness.utils.console import say
from harness.utils.versions import versions

if TYPE_CHECKING:
    import keras

Array = np.ndarray

# Crops are taken from images larger by this factor, 256 to 224, as in Krizhevsky et al. (2012).
CROPPED = 8 / 7


@dataclass(frozen=True)
class Features(Input):
    """Features of every image, computed directly from the image files: a row is (d,), or (views, d) with several views.

    Args:
        backbone: a key of ``harness.models.backbones.BACKBONES``.
        side: the height and width that images are resized to; None for those the backbone was trained on.
        layers: the output layers, by name or index; empty for the backbone's default layer.
        tta: keys of ``harness.tta.views.VIEWS``, joined by "+".
        precision: the precision of the computation, as in ``harness.models.backbones.engine.engine``.
        storage: the number format of the stored features.
    """

    backbone: str
    side: int | None = None
    layers: tuple[Layer, ...] = ()
    tta: str = "centre"
    precision: Precision = "float32"
    storage: Storage = "float32"

    kind = "features"

    def __str__(self) -> str:
        parts = [self.backbone, *([str(self.side)] if self.side else []), *map(str, self.layers)]
        parts += [value for value in (self.tta, self.precision, self.storage) if value not in ("centre", "float32")]
        return "-".join(parts)

    @property
    def layout(self) -> Layout:
        views_axis = (len(self.looks),) if len(self.looks) > 1 else ()
        return Layout("features", (*views_axis, _engine(self).features), np.dtype(self.storage).type)

    @property
    def looks(self) -> tuple[View, ...]:
        """The views, in the order of a row."""
        return tuple(view for view in views(self.tta, hflip_safe=True, drawn=False) if isinstance(view, View))

    def key(self, dataset: Dataset) -> str:
        backbone = self._backbone()
        tta_step = () if self.tta == CENTRE.name else ("tta",)
        return fp.fingerprint(
            features=self,
            backbone=backbone,
            weights=backbone.weights_fingerprint(),
            dataset=dataset.fingerprint,
            opencv=cv2.__version__,
            engine=engine_key(self.precision),
            steps=versions(
                "features",
                "engines",
                "inference",
                "openvino",
                "backbones",
                "image_cache",
                *decoding_steps(dataset.sources),
                *backbone.steps,
                *tta_step,
            ),
            code=fp.competitor_code(type(backbone)),
        )

    def attributes(self) -> dict[str, Any]:
        return {
            "features": json.dumps(dataclasses.asdict(self)),
            "weights": self._backbone().weights_fingerprint(),
            "engine": _engine(self).name,
        }

    def fill(self, dataset: Dataset, rows: Array) -> Iterator[Filled]:
        run = _engine(self)
        side, decoded_side = self.side_of_network, self.decoded_side
        say(f"{self.kind} {self}: {run.name}")

        def decode(block_rows: Array) -> tuple[Array, Decoded]:
            return block_rows, decoded(dataset, block_rows, Geometry(decoded_side, decoded_side))

        # While the network processes one block, threads decode the next ones.
        row_blocks = [rows[block.start : block.stop] for block in blocks(len(rows), max(BLOCK, run.batch_size))]
        for block_rows, (images, state, unreadable) in in_threads(decode, row_blocks):
            by_view = [halving(run, _view_pixels(view, images, side)) for view in self.looks]
            features = np.stack(by_view, axis=1).astype(self.storage).reshape(len(block_rows), *self.layout.shape)
            arrays = {"features": features, "checksums": checksums(features), "state": state}
            yield Filled(block_rows, arrays, unreadable)

    @property
    def side_of_network(self) -> int:
        """The height and width that the network gets."""
        return self._backbone().side

    @property
    def decoded_side(self) -> int:
        """The height and width that images are resized to, from which views are taken."""
        return round(self.side_of_network * CROPPED) if "crop" in self.tta else self.side_of_network

    def network(self) -> keras.Model:
        """The network that computes the features, in float32: from (n, side, side, 3) floats of 0…255 to (n, d)."""
        keras_backend.start(seed=0)
        return self._backbone().build(self.layers)

    def _backbone(self) -> Backbone:
        return find(self.backbone, self.side)


def _view_pixels(view: View, images: Array, side: int) -> Array:
    pixels = view.of(images, side, side)
    return np.ascontiguousarray(pixels if view.scale == 1 else np.rint(pixels), np.uint8)


# Only one engine is kept, because a network may take half a gigabyte.
@functools.lru_cache(1)
def _engine(features: Features) -> Engine:
    keras_backend.start(seed=0)
    return engine(features._backbone(), features.layers, features.precision)
