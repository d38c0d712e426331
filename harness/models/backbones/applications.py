"""Backbones from ``keras.applications``: their weights are downloaded once, into Keras's own cache."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.models.backbones.backbone import Backbone
from harness.utils.errors import UserError

if TYPE_CHECKING:
    import keras

ORIGIN = "https://storage.googleapis.com/tensorflow/keras-applications"

# ImageNet's mean blue, green and red. The weights of VGG16 and ResNet50 were trained in Caffe, which reads BGR.
CAFFE_MEANS = (103.939, 116.779, 123.68)


@dataclass(frozen=True)
class Application(Backbone):
    """A network of ``keras.applications``, without its ImageNet classifier.

    Args:
        function: the name of its function in ``keras.applications``.
        path: the path of its weights below ``ORIGIN``; the last part is the file's name in Keras's cache.
        digest: the MD5 or SHA-256 hash of the weights.
        caffe: whether it needs Caffe's preprocessing; otherwise the network contains its own.
        pooled: whether it ends in pooled and normalised features; otherwise it ends in feature maps.
    """

    steps = ("applications",)

    function: str
    path: str
    digest: str
    caffe: bool = False
    pooled: bool = False

    def weights_file(self) -> Path:
        import keras

        home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
        file = home / "models" / self.path.rsplit("/", 1)[-1]
        try:
            # Keras prints messages to stdout, which is for results only.
            with contextlib.redirect_stdout(sys.stderr):
                return Path(
                    keras.utils.get_file(
                        file.name, self.url, cache_dir=home, cache_subdir="models", file_hash=self.digest
                    )
                )
        except Exception as error:  # Keras raises a bare Exception if the download fails
            raise UserError(
                f"the weights of {self.name} could not be downloaded from {self.url}: {error}",
                f"download that file on another machine and put it at {file}, "
                "or use a backbone that comes with its weights: efficientnet-lite0, -lite1, -lite2",
            ) from None

    def weights_fingerprint(self) -> str:
        # Keras rejects a file with another hash.
        return self.digest

    @property
    def url(self) -> str:
        return f"{ORIGIN}/{self.path}"

    def network(self, *, weights: bool = True) -> keras.Model:
        import keras

        file = self.weights_file() if weights else None
        x = inputs = keras.Input((self.side, self.side, 3))
        if self.caffe:
            x = keras.layers.Rescaling(1.0, [-mean for mean in CAFFE_MEANS], name="caffe")(x[..., ::-1])
        function = getattr(keras.applications, self.function)
        network = function(include_top=False, weights=None, input_tensor=x, pooling="avg" if self.pooled else None)
        if file is not None:
            network.load_weights(os.fspath(file))
        outputs = network.output
        if self.layer == "flatten":
            outputs = keras.layers.Flatten(name="flatten")(outputs)
        return keras.Model(inputs, outputs, name=self.name)
