"""Sends a file to a stub, as a process of its own that can be killed: ``python -m tests.kaggle.sending FILE DOUBT``."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.kaggle.client import Client, Patience
from harness.kaggle.ledger import Entry, Ledger
from harness.kaggle.submit import Sender
from harness.kaggle.words import message
from harness.scoring.lint import digest
from harness.utils.signals import ended_by_signals


def main(file: Path, doubt: float) -> None:
    sha256 = digest(file)
    entry = Entry(
        time="", slug="pets", file=file.name, sha256=sha256, recipe="", run="", message=message("try", sha256)
    )
    client = Client("pets", Patience(poll=0.05, retry=0.2, doubt=doubt))
    sender = Sender(client, Ledger(file.with_name("ledger.csv")), lambda *_: None, "pets")
    with ended_by_signals():
        print(sender.send(file, entry, []).status)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
