"""The command that a worker gives: one fold, one chunk or one trial, in this process."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from argparse import Namespace
from typing import Any

from harness.cli.arguments import Commands
from harness.utils.console import speak_as_job
from harness.utils.errors import UserError
from harness.utils.signals import NUMBERS, ended_by_signals
from harness.utils.workspace import Workspace

# So long, in seconds, may putting things in order take after whoever asked is gone.
TO_SAVE = 8.0


def add_commands(commands: Commands) -> None:
    command = commands.add_hidden("job", run_job, "one fold, chunk of features or trial, asked for on standard input")
    command.add_argument("words", metavar="WORD", nargs="*", help="what it is, for whoever lists processes")


def run_job(workspace: Workspace, options: Namespace) -> None:
    """Do what standard input asks for, until it is closed: then end as by Ctrl-C."""
    _heed_signals()
    speak_as_job()
    asked = json.loads(sys.stdin.buffer.readline() or b"{}")
    if not asked:
        raise UserError("harness job is asked on its standard input.", "harness train COMP --workers 2 does that")
    with ended_by_signals():
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
        try:
            answer = _perform(workspace, asked)
        except UserError as error:
            _answer({"refused": {"what": error.what, "fix": error.fix}})
            raise
    _answer(answer)


def _perform(workspace: Workspace, asked: dict[str, Any]) -> dict[str, Any]:
    if asked["kind"] == "trial":
        from harness.tuning.job import perform
    else:
        from harness.pipeline.job import perform
    return perform(workspace, asked)


def _heed_signals() -> None:
    """Heed the signals even if the driver was started where they are ignored: they are the only way to end early."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_with_standard_input() -> None:
    # Not by sys.stdin: its lock would be held when the process ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(TO_SAVE)
    os._exit(128 + signal.SIGINT)


def _answer(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)
