"""Reading old PyTorch files: the real ones, odd ones, cut-off ones and hostile ones."""

from __future__ import annotations

import io
import os
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest

from harness.models.backbones import torch_weights
from harness.utils.errors import UserError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class FloatStorage(NamedTuple):
    """Stands for PyTorch's: pickled by reference."""

    key: str
    values: np.ndarray


def _rebuild_tensor_v2(*_):
    """Stands for PyTorch's: pickled by name."""


class Tensor(NamedTuple):
    storage: FloatStorage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __reduce__(self):
        return _rebuild_tensor_v2, (*self, False, OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, found):
        if isinstance(found, FloatStorage):
            return ("storage", FloatStorage, found.key, "cpu", len(found.values), None)
        return None


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Write a file as ``torch.save`` did; give its path."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    monkeypatch.setattr(FloatStorage, "__module__", "torch")
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")

    def make(dictionary: object, magic: int = MAGIC, storages: tuple[FloatStorage, ...] = ()) -> Path:
        out = io.BytesIO()
        for value in (magic, PROTOCOL, {"little_endian": True}, dictionary, [s.key for s in storages]):
            Pickler(out, 2).dump(value)
        for storage in storages:
            out.write(struct.pack("<q", len(storage.values)) + storage.values.astype("<f4").tobytes())
        file = tmp_path / "weights.pth"
        file.write_bytes(out.getvalue())
        return file

    return make


NUMBERS = FloatStorage("1", np.arange(12.0))


def test_the_packaged_weights(lite) -> None:
    tensors = torch_weights.read(lite.weights_file())
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert tensors["_bn0.num_batches_tracked"].dtype == np.int64
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_views_of_one_storage(write) -> None:
    tensors = {"turned": Tensor(NUMBERS, 0, (4, 3), (1, 4)), "part": Tensor(NUMBERS, 6, (2, 3), (3, 1))}
    found = torch_weights.read(write(OrderedDict(tensors), storages=(NUMBERS,)))
    assert [*found] == ["turned", "part"]
    np.testing.assert_array_equal(found["turned"], np.arange(12).reshape(3, 4).T)
    np.testing.assert_array_equal(found["part"], np.arange(6, 12).reshape(2, 3))


@pytest.mark.parametrize(
    "tensor",
    [
        Tensor(NUMBERS, 1, (4, 3), (3, 1)),
        Tensor(NUMBERS, -1, (2,), (1,)),
        Tensor(NUMBERS, 0, (2, 2), (1,)),
        Tensor(NUMBERS, 0, (1 << 40,), (0,)),
    ],
    ids=["too long", "before", "no shape", "blown up"],
)
def test_tensors_stay_inside_their_storage(write, tensor: Tensor) -> None:
    with pytest.raises(UserError, match="a tensor"):
        torch_weights.read(write({"weight": tensor}, storages=(NUMBERS,)))


class Hostile:
    """Runs a function as it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_hostile_pickle_runs_nothing(write, tmp_path: Path) -> None:
    file = write({"weight": Hostile(tmp_path / "made")})
    with pytest.raises(UserError, match=r"requests \w+\.mkdir"):
        torch_weights.read(file)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04", os.urandom(100)], ids=["empty", "zip", "noise"])
def test_other_files_are_refused(tmp_path: Path, contents: bytes) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(contents)
    with pytest.raises(UserError, match="cannot be read as PyTorch weights"):
        torch_weights.read(file)


def test_another_magic_number_and_other_things_than_tensors_are_refused(write) -> None:
    with pytest.raises(UserError, match="magic number is 7"):
        torch_weights.read(write({}, magic=7))
    with pytest.raises(UserError, match="something other than a dictionary of tensors"):
        torch_weights.read(write({"epoch": 3}))


def test_a_cut_off_file_is_refused_wherever_it_ends(write) -> None:
    file = write({"weight": Tensor(NUMBERS, 0, (3, 4), (4, 1))}, storages=(NUMBERS,))
    whole = file.read_bytes()
    assert torch_weights.read(file)["weight"].shape == (3, 4)
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        with pytest.raises(UserError):
            torch_weights.read(file)
