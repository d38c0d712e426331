"""Finding a competition's data: a folder or an archive, and the reader of its layout."""

from __future__ import annotations

from pathlib import Path

from harness.data.archives.archives import archives_in, tables_beside, unpacked
from harness.data.readers.reader import Reader, find, recognised
from harness.utils.errors import UserError


def locate(readers: tuple[Reader, ...], source: Path, unpack_to: Path, name: str, obtain: str) -> tuple[Reader, Path]:
    """The reader for a competition's data, and the folder that it reads.

    Args:
        readers: the readers of the supported layouts, tried in this order.
        source: a folder of the organiser's files or archives, or one archive.
        unpack_to: the folder that archives are unpacked to, once.
        name: the competition's name, for messages.
        obtain: how to get the data, for the message when it is missing.

    Raises:
        UserError: the source does not exist, or its layout is not recognised.
    """
    library_reader = next((reader for reader in readers if not reader.on_disk), None)
    if library_reader is not None:
        return library_reader, source
    if not source.exists():
        raise UserError(
            f"no data for {name}: there is no {source}. {obtain}",
            f"harness prepare {name} --data DIR",
        )
    archives = [source] if source.is_file() else archives_in(source)
    if archives and (source.is_file() or recognised(readers, source) is None):
        source = unpacked(archives, unpack_to, () if source.is_file() else tables_beside(archives))
    return find(readers, source)
