"""Sends a run to a stub, as a process of its own that can be killed: ``python -m tests.kaggle.pushing DOUBT``."""

from __future__ import annotations

import sys

from harness.cli.main import main
from harness.kaggle import client
from harness.kaggle.client import Patience

if __name__ == "__main__":
    client.PATIENCE = Patience(poll=0.05, retry=0.2, doubt=float(sys.argv[1]))
    sys.exit(main(["kernel", "pets", "coarse", "--push"]))
