"""What a code competition's run is sent to: a dataset of its models, a kernel, and the competition itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.kaggle.client import SLOWEST_UPLOAD, Client, Patience
from harness.kaggle.ledger import COMPLETE, ERROR, PENDING
from harness.kaggle.process import GRACE
from harness.utils.console import say

# Kaggle's words for what is done and for what has failed; all others mean that it goes on.
READY, FAILED = ("ready", "complete"), ("failed", "deleted", "error", "cancel_requested", "cancel_acknowledged")
# No status of the ledger's: a newer version took its place, and what became of it is not told.
REPLACED = "replaced"


@dataclass(frozen=True)
class DatasetVersions:
    """The versions of a dataset; a file is a folder of them.

    Args:
        client: makes the calls.
        owner: the user's name.
        name: the dataset's.
    """

    client: Client
    owner: str
    name: str

    @property
    def slug(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def patience(self) -> Patience:
        return self.client.patience

    def about(self) -> dict[str, Any]:
        return {"total": self._now()["version"]}

    def submissions(self) -> list[dict[str, Any]]:
        found = self._now()
        newest, notes = found["version"], found["notes"]
        return rows(newest, row(str(newest), notes.get(str(newest), ""), found["status"]), notes)

    def submission(self, reference: str) -> dict[str, Any]:
        found = self._now()
        return of_version(reference, found["version"], found["status"])

    def submit(
        self, file: Path, message: str, hold: Path, uploaded: Callable[[], None], bytes_sent: Callable[[int], None]
    ) -> str:
        newest = self._now()["version"]
        size = sum(path.stat().st_size for path in file.iterdir())
        answer = self.client.call(
            "send_dataset",
            self.patience.call + size / SLOWEST_UPLOAD,
            of=self.slug,
            folder=str(file),
            notes=message,
            new=not newest,
            grant=self.patience.call + GRACE,
            hold=str(hold),
            uploaded=uploaded,
            bytes_sent=bytes_sent,
        )
        # Kaggle's answer has no number, and nobody else makes versions of it.
        return str(newest + 1) if answer["confirmed"] else ""

    def _now(self) -> dict[str, Any]:
        return self.client.call("dataset", of=self.slug, owner=self.owner, name=self.name)


@dataclass(frozen=True)
class KernelVersions:
    """The versions of a kernel, of which Kaggle tells only the newest; a file is a folder with its metadata.

    Args:
        client: makes the calls.
        owner: the user's name.
        name: the kernel's.
        patience: the time limits.
    """

    client: Client
    owner: str
    name: str
    patience: Patience

    @property
    def slug(self) -> str:
        return f"{self.owner}/{self.name}"

    def about(self) -> dict[str, Any]:
        return {"total": self._now()["version"]}

    def submissions(self) -> list[dict[str, Any]]:
        found = self._now()
        newest = found["version"]
        return rows(newest, row(str(newest), " ".join(found["tags"]), found["status"], found["why"]), {})

    def submission(self, reference: str) -> dict[str, Any]:
        found = self._now()
        return of_version(reference, found["version"], found["status"], found["why"])

    def submit(
        self, file: Path, message: str, hold: Path, uploaded: Callable[[], None], bytes_sent: Callable[[int], None]
    ) -> str:
        answer = self.client.call(
            "send_kernel",
            of=self.slug,
            folder=str(file),
            grant=self.patience.call + GRACE,
            hold=str(hold),
            uploaded=uploaded,
        )
        if answer["invalid"]:
            say(f"Kaggle does not know these sources of {self.slug}, so it will fail: {', '.join(answer['invalid'])}.")
        return str(answer["version"] or "")

    def log(self) -> str:
        """What the newest version's run printed."""
        return self.client.call("kernel_log", of=self.slug, owner=self.owner, name=self.name)["log"]

    def _now(self) -> dict[str, Any]:
        return self.client.call("kernel", of=self.slug, owner=self.owner, name=self.name)


@dataclass(frozen=True)
class CodeSubmissions:
    """A competition's submissions, made by a version of a kernel; a file is the notebook.

    Args:
        client: the competition's.
        kernel: what is submitted.
        version: which version of it.
        result: the file that the kernel writes.
        patience: the time limits.
    """

    client: Client
    kernel: KernelVersions
    version: int
    result: str
    patience: Patience

    @property
    def slug(self) -> str:
        return self.client.slug

    def about(self) -> dict[str, Any]:
        return self.client.about()

    def submissions(self) -> list[dict[str, Any]]:
        return self.client.submissions()

    def submission(self, reference: str) -> dict[str, Any]:
        return self.client.submission(reference)

    def submit(
        self, file: Path, message: str, hold: Path, uploaded: Callable[[], None], bytes_sent: Callable[[int], None]
    ) -> str:
        return self.client.call(
            "submit_code",
            slug=self.slug,
            owner=self.kernel.owner,
            name=self.kernel.name,
            version=self.version,
            file=self.result,
            message=message,
            grant=self.patience.call + GRACE,
            hold=str(hold),
            uploaded=uploaded,
        )["reference"]


def row(reference: str, message: str, status: str, why: str = "") -> dict[str, Any]:
    """A version as a row of a list of submissions."""
    told = REPLACED if status == REPLACED else COMPLETE if status in READY else ERROR if status in FAILED else PENDING
    return {
        "reference": reference,
        "date": "",
        "file": "",
        "message": message,
        "status": told,
        "why": why,
        "public": None,
        "private": None,
    }


def rows(newest: int, of_newest: dict[str, Any], notes: dict[str, str]) -> list[dict[str, Any]]:
    """All versions as rows, the newest first. One of which nothing is told gets no number: it may be any file's."""
    older = [row(str(number), notes.get(str(number), ""), REPLACED) for number in range(newest - 1, 0, -1)]
    if not newest:
        return []
    return [of_newest if of_newest["message"] else of_newest | {"reference": ""}, *older]


def of_version(reference: str, newest: int, status: str, why: str = "") -> dict[str, Any]:
    """The state of one version, where only that of the newest is told."""
    if newest > int(reference):
        return row(reference, "", "error", f"version {newest} has taken its place")
    return row(reference, "", status if newest == int(reference) else "", why)
