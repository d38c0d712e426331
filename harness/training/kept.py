"""The network that a fold's predictions come from, in one file: its layers, its weights, how it scales pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.models import keras_backend
from harness.training import bfloat16
from harness.utils.files import whole

if TYPE_CHECKING:
    import keras

    from harness.data.fold import Fold

NAME = "network.keras"


def write(network: keras.Model, folder: Path) -> None:
    """Keep a network: from (n, height, width, 3) pixels of 0…255 to (n, classes) probabilities.

    It is kept with Keras's own layers in place of ours, so that it can be read without this package.
    """
    from harness.models.plain import plain

    with whole(folder / NAME) as temporary:
        plain(network).save(temporary)


def read(fold: Fold) -> keras.Model:
    """The network in a fold's folder.

    It computes in the precision that it was trained in, but in float32 where the device has no instructions for that.

    Raises:
        FileNotFoundError: there is none.
    """
    file = fold.folder / NAME
    if not file.is_file():
        raise FileNotFoundError(file)
    keras_backend.start(fold.seed)
    return _loaded(file, in_float32=not bfloat16.is_available())


def copy(source: Path, target: Path) -> None:
    """Copy a kept network for other machines: it computes in float32, whatever it was trained in."""
    keras_backend.start(seed=0)
    with whole(target) as temporary:
        _loaded(source, in_float32=True).save(temporary)


def _loaded(file: Path, in_float32: bool) -> keras.Model:
    import keras

    from harness.models.plain import is_mixed, plain

    network = keras.saving.load_model(file, compile=False)
    return plain(network, in_float32=True) if in_float32 and is_mixed(network) else network
