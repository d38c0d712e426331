"""The journal of a search: a file of lines to which several processes append, and which a killed one leaves whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from harness.utils.errors import UserError

if TYPE_CHECKING:
    from optuna import Study

CREATED = 0  # the number of the operation that begins a journal
ANEW = "move it away, and the same command searches anew; what its trials trained is found again"


class _Lock(JournalFileOpenLock):
    """The lock of a journal. The operating system releases it when its process ends, even if that is killed.

    Whoever gets it cuts off a last line that a killed process, or a full disk, left unfinished: the next line would
    otherwise be joined to it.

    Args:
        file: the journal.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = filelock.FileLock(file.with_name(f".{file.name}.lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        with self._file.open("rb+") as file:
            content = file.read()
            if not content.endswith(b"\n"):
                file.truncate(content.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        self._lock.release()


def open_study(file: Path, name: str, maximize: bool) -> tuple[Study, JournalStorage]:
    """The study that a journal holds, and what reads and writes the journal; a new one begins a study.

    Args:
        file: the journal.
        name: the study's, which says what is searched on what.
        maximize: whether higher values are better.

    Raises:
        UserError: the file is damaged, or is the journal of another study.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    lock = _Lock(file)
    lock.acquire()
    try:
        _check(file, name)
    finally:
        lock.release()
    try:
        storage = JournalStorage(JournalFileBackend(str(file), lock_obj=lock))
        direction = "maximize" if maximize else "minimize"
        study = optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
        study.get_trials(deepcopy=False)
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, AssertionError) as error:
        raise UserError(f"the journal {file} is damaged: {type(error).__name__}: {error}.", ANEW) from error
    return study, storage


def _check(file: Path, name: str) -> None:
    """Refuse a journal with a line that is none, or of another study."""
    names = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                entry: Any = json.loads(line)
                operation = entry["op_code"]
            except (ValueError, TypeError, KeyError):
                raise UserError(f"the journal {file} is damaged in line {number}.", ANEW) from None
            if operation == CREATED:
                names.append(entry.get("study_name"))
    if (names and names[0] != name) or (not names and file.stat().st_size):
        other = f"another study, {names[0]}" if names else "no study"
        raise UserError(f"the journal {file} is of {other}; this one is {name}.", ANEW)
