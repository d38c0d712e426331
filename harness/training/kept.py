"""The network that a fold's predictions come from, in one file: its layers, its weights, how it scales pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.models import keras_backend
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

    Raises:
        FileNotFoundError: there is none.
    """
    file = fold.folder / NAME
    if not file.is_file():
        raise FileNotFoundError(file)
    keras_backend.start(fold.seed)
    import keras

    return keras.saving.load_model(file, compile=False)
