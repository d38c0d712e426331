"""Reads the weights of an old PyTorch file, without PyTorch and without running any code from the file.

Before version 1.6, ``torch.save`` wrote several pickles in a row: a magic number, the protocol version, facts about the
machine, the state dictionary, and the keys of its storages. After them come the raw values of each storage, preceded by
their number. A pickle can call any function by name, so this unpickler allows five names and refuses all others.
"""

from __future__ import annotations

import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from harness.utils.errors import UserError

Array = np.ndarray

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class _RefusedError(Exception):
    """The file is invalid; the message says how."""


@dataclass(frozen=True)
class _Storage:
    """A block of values that tensors are views of. The values follow after the dictionary in the file."""

    key: str
    kind: np.dtype
    length: int


@dataclass(frozen=True)
class _Tensor:
    """A tensor's position in its storage: the arguments of ``torch._utils._rebuild_tensor_v2``."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(file: Path) -> dict[str, Array]:
    """The tensors of a state dictionary by name, in the file's order.

    Raises:
        UserError: the file has another format, is truncated, or requests anything but tensors of numbers.
    """
    try:
        with file.open("rb") as stream:
            return _read(stream, file.stat().st_size)
    except _RefusedError as error:
        reason = str(error)
    except Exception as error:  # damaged or malicious bytes may raise anything inside the unpickler
        reason = f"it is damaged ({type(error).__name__}: {error})"
    raise UserError(f"{file} cannot be read as PyTorch weights: {reason}.", "reinstall the package that it came with")


def _read(stream: BinaryIO, size: int) -> dict[str, Array]:
    for part, expected in (("magic number", _MAGIC), ("protocol", _PROTOCOL)):
        if (value := _Unpickler(stream).load()) != expected:
            raise _RefusedError(f"its {part} is {value!r}, not {expected}")
    machine = _Unpickler(stream).load()
    if machine.get("little_endian") is not True:
        raise _RefusedError("it was written by a big-endian machine")
    unpickler = _Unpickler(stream)
    tensors = unpickler.load()
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise _RefusedError("it contains something other than a dictionary of tensors")
    values = {}
    for key in _Unpickler(stream).load():
        storage = unpickler.storages[key]
        length, byte_count = int.from_bytes(stream.read(8), "little"), storage.length * storage.kind.itemsize
        if length != storage.length or byte_count > size - stream.tell():
            raise _RefusedError("it is truncated")
        values[key] = np.frombuffer(stream.read(byte_count), storage.kind)
    return {name: _view(values[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _view(values: Array, tensor: _Tensor) -> Array:
    """A tensor's own copy of its values."""
    if len(tensor.shape) != len(tensor.strides) or min((tensor.offset, *tensor.shape, *tensor.strides)) < 0:
        raise _RefusedError("a tensor's shape is invalid")
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
    # Strides of 0 would make a large tensor out of a small storage.
    if math.prod(tensor.shape) > len(values) or last >= len(values):
        raise _RefusedError("a tensor reaches beyond its storage")
    byte_strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, byte_strides).copy()


class _Unpickler(pickle.Unpickler):
    """Allows only the names that a state dictionary of numbers needs, and maps each to something harmless."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        match f"{module}.{name}":
            case "collections.OrderedDict":
                return OrderedDict
            case "torch._utils._rebuild_tensor_v2":
                # A new function for every lookup, so that attributes that a pickle sets on it have no effect.
                return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
            case "torch.FloatStorage":
                return np.dtype("<f4")
            case "torch.DoubleStorage":
                return np.dtype("<f8")
            case "torch.LongStorage":
                return np.dtype("<i8")
        raise _RefusedError(f"it requests {module}.{name}, which weights do not need")

    def persistent_load(self, reference: Any) -> _Storage:
        match reference:
            case ("storage", np.dtype() as kind, str() as key, "cpu", int() as length, None) if length >= 0:
                return self.storages.setdefault(key, _Storage(key, kind, length))
        raise _RefusedError(f"it refers to {reference!r}")
