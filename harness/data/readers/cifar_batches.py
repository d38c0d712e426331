"""``cifar-10-batches-py``: CIFAR-10 as distributed by its author, in pickles, which are read without running code."""

from __future__ import annotations

import io
import pickle
import pickletools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.readers.reader import Array, FolderReader, Listing, Row
from harness.data.splits import HOLDOUT, TRAIN
from harness.utils.errors import UserError

TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
META = "batches.meta"
SIDE = 32


@dataclass(frozen=True)
class CifarBatches(FolderReader):
    """Five training batches. The test batch has labels and is the hold-out. Ids are like ``data_batch_1/0``.

    Keras's own loader unpacks the same files to ``~/.keras/datasets/cifar-10-batches-py-target``.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009).
    """

    looks_for = f"{TRAIN_BATCHES[0]} … {TRAIN_BATCHES[-1]}, {TEST_BATCH} and {META}"

    def matches(self, folder: Path) -> bool:
        return all((folder / name).is_file() for name in (*TRAIN_BATCHES, TEST_BATCH, META))

    def listing(self, folder: Path) -> Listing:
        names = _read(folder / META).get(b"label_names")
        if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
            raise _damaged(folder / META, "it has no label_names")
        classes = tuple(name.decode() for name in names)
        rows = []
        for batch in (*TRAIN_BATCHES, TEST_BATCH):
            _, labels = _batch(folder / batch)
            if not all(isinstance(label, int) and 0 <= label < len(classes) for label in labels):
                raise _damaged(folder / batch, f"its labels are not numbers below {len(classes)}")
            split = HOLDOUT if batch == TEST_BATCH else TRAIN
            sources = [f"{batch}/{number}" for number in range(len(labels))]
            rows += [Row(source, classes[label], split, source) for source, label in zip(sources, labels, strict=True)]
        return Listing(rows, classes)

    def images(self, folder: Path) -> _Images:
        return _Images(folder)


class _Images:
    """The images of all batches; each batch is kept in memory after its first use (184 MB in all)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches: dict[str, Array] = {}
        self._lock = threading.Lock()

    def read(self, source: str) -> Array:
        batch, _, number = source.partition("/")
        with self._lock:
            if batch not in self._batches:
                self._batches[batch], _ = _batch(self._folder / batch)
        planes = self._batches[batch][int(number)].reshape(3, SIDE, SIDE)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _batch(file: Path) -> tuple[Array, list[Any]]:
    """A batch's pixels, (n, 3072) uint8 as planes of red, green and blue, and its n labels."""
    content = _read(file)
    pixels, labels = content.get(b"data"), content.get(b"labels")
    if not isinstance(pixels, _Array) or not isinstance(labels, list):
        raise _damaged(file, "it has no data and labels")
    shape = (len(labels), 3 * SIDE * SIDE)
    if pixels.shape != shape or len(pixels.content) != shape[0] * shape[1]:
        raise _damaged(file, f"its data is not {shape[0]:,} images of {SIDE}×{SIDE} bytes in three colours")
    return np.frombuffer(pixels.content, np.uint8).reshape(shape), labels


def _read(file: Path) -> dict[Any, Any]:
    """The dictionary in a batch file.

    Raises:
        UserError: the file is damaged, or its pickle refers to anything but arrays of bytes.
    """
    try:
        pickled = file.read_bytes()
        _check_sizes(pickled)
        content = _Unpickler(io.BytesIO(pickled), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises any exception: KeyError, IndexError, struct.error, …
        raise _damaged(file, f"{error}" or type(error).__name__) from error
    if not isinstance(content, dict):
        raise _damaged(file, "it holds no dictionary")
    return content


def _check_sizes(pickled: bytes) -> None:
    """Reject a pickle whose instructions claim more than it holds: memory for it would be taken before it is read."""
    for number, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
        if opcode.name == "BYTEARRAY8":
            raise pickle.UnpicklingError("it holds a bytearray")
        if opcode.name.endswith("PUT") and int(argument or 0) > number:
            raise pickle.UnpicklingError(f"it numbers an object {argument:,}, and holds fewer")


def _damaged(file: Path, reason: str) -> UserError:
    return UserError(f"{file} is not a batch file of CIFAR-10: {reason}.", "get the organiser's archive again")


# A pickle is a program, and this one is untrusted. Every name in it is looked up with `find_class`, which knows only
# three names. They are mapped to the classes below, so that not even numpy's code is run.


class _Array:
    """The replacement of a pickled array of bytes."""

    shape: object = None
    content = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        if dtype.code not in (b"u1", "u1") or fortran or not isinstance(content, bytes):
            raise ValueError("an array in it is not of unsigned bytes in C order")
        self.shape, self.content = shape, content


class _Dtype:
    """The replacement of a pickled dtype."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Ignore the byte order and the like: bytes have none."""


def _reconstruct(*_: object) -> _Array:
    return _Array()


class _Unpickler(pickle.Unpickler):
    """An unpickler that accepts the names needed for an array and rejects all others."""

    _known = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, and was not run")
        return self._known[module, name]
