"""Small HDF5 files, written whole or not at all, on a full disk too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.utils.files import whole

if TYPE_CHECKING:
    import h5py


@contextmanager
def whole_h5(path: Path) -> Iterator[h5py.File]:
    """Yield a file in memory, which is written to ``path`` in one piece if the block succeeds.

    Where the disk is full, HDF5 ends the process when it closes a file that it could not write.
    """
    import h5py

    # Since version 1.8, HDF5 has checksums of its own metadata: a flipped bit there is an error, not a crash.
    with h5py.File(path.name, "w", driver="core", backing_store=False, libver=("v108", "v108")) as h5:
        yield h5
        h5.flush()
        content = h5.id.get_file_image()
    with whole(path) as temporary:
        temporary.write_bytes(content)
