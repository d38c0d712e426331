"""Reading the weights out of an old PyTorch file, without PyTorch and without letting the file run anything.

Before version 1.6, ``torch.save`` wrote pickles one after another: a magic number, the protocol's version, facts
about the machine, the state dictionary, and the keys of its storages; then the storages' raw values, each behind its
length. A pickle may name any function to be called, so ours knows five names and refuses the rest.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from harness.errors import UserError

Array = np.ndarray

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class _RefusedError(Exception):
    """The file is not what it should be; the message says how."""


@dataclass(frozen=True)
class _Storage:
    """A stretch of values that tensors are views of; filled once the dictionary has been read."""

    key: str
    kind: np.dtype
    length: int


@dataclass(frozen=True)
class _Tensor:
    """Where in its storage a tensor lies; what ``torch._utils._rebuild_tensor_v2`` is called with."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(file: Path) -> dict[str, Array]:
    """The tensors of a state dictionary by name, in the file's order.

    Raises:
        UserError: the file is no such file, is cut off, or asks for anything but tensors of numbers.
    """
    try:
        with file.open("rb") as stream:
            return _read(stream, file.stat().st_size)
    except _RefusedError as error:
        why = str(error)
    except Exception as error:  # whatever bytes made by accident or malice cause inside the unpickler
        why = f"it is damaged ({type(error).__name__}: {error})"
    raise UserError(f"{file} cannot be read as PyTorch weights: {why}.", "install the package it came in again")


def _read(stream: BinaryIO, size: int) -> dict[str, Array]:
    for what, expected in (("magic number", _MAGIC), ("protocol", _PROTOCOL)):
        if (found := _Unpickler(stream).load()) != expected:
            raise _RefusedError(f"its {what} is {found!r}, not {expected}")
    machine = _Unpickler(stream).load()
    if machine.get("little_endian") is not True:
        raise _RefusedError("it was written by a big-endian machine")
    unpickler = _Unpickler(stream)
    tensors = unpickler.load()
    if not isinstance(tensors, dict) or not all(isinstance(found, _Tensor) for found in tensors.values()):
        raise _RefusedError("it holds something else than a dictionary of tensors")
    values = {}
    for key in _Unpickler(stream).load():
        storage = unpickler.storages[key]
        length, expected = int.from_bytes(stream.read(8), "little"), storage.length * storage.kind.itemsize
        if length != storage.length or expected > size - stream.tell():
            raise _RefusedError("it is cut off")
        values[key] = np.frombuffer(stream.read(expected), storage.kind)
    return {name: _view(values[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _view(values: Array, tensor: _Tensor) -> Array:
    """A tensor's own copy of its values."""
    if len(tensor.shape) != len(tensor.strides) or min((tensor.offset, *tensor.shape, *tensor.strides)) < 0:
        raise _RefusedError("a tensor's shape makes no sense")
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    # Steps of 0 would make a large tensor out of a small storage.
    if math.prod(tensor.shape) > len(values) or last >= len(values):
        raise _RefusedError("a tensor reaches beyond its storage")
    steps = [step * values.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps).copy()


class _Unpickler(pickle.Unpickler):
    """Knows the names a state dictionary of numbers needs; each stands for something that can do nothing."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        match f"{module}.{name}":
            case "collections.OrderedDict":
                return OrderedDict
            case "torch._utils._rebuild_tensor_v2":
                # A function of this call: what a pickle sets on it is gone with it.
                return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
            case "torch.FloatStorage":
                return np.dtype("<f4")
            case "torch.DoubleStorage":
                return np.dtype("<f8")
            case "torch.LongStorage":
                return np.dtype("<i8")
        raise _RefusedError(f"it asks for {module}.{name}, which weights have no use for")

    def persistent_load(self, found: Any) -> _Storage:
        match found:
            case ("storage", np.dtype() as kind, str() as key, "cpu", int() as length, None) if length >= 0:
                return self.storages.setdefault(key, _Storage(key, kind, length))
        raise _RefusedError(f"it refers to {found!r}")
