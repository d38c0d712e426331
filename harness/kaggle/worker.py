"""One call of the real ``kaggle`` package in a separate process. This is a script that imports nothing of ours.

Importing the package authenticates, prints to standard output, may access the network and may exit; its calls have no
time limit. Therefore it is imported only here. The package finds the credentials itself, so this script never sees
them. Everything that is printed is discarded, except for one JSON object a line on the original standard output: first
what happens (bytes "sent" so far, or a "stage"), then the answer.

The calls themselves are in ``worker_calls`` and ``worker_code``.

The request is the first line of standard input, and the parent process keeps standard input open as long as it lives.
This process ends with its parent, by itself after a time limit, and never submits anything without the parent's word:
once a file is uploaded it says so, and waits for the line "go".
"""

# mypy: disable-error-code="import-not-found,import-untyped"

import contextlib
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import types
from pathlib import Path

# The files beside this one, under a name that no library has; its folder is not on Python's path.
sys.modules.setdefault("harness_worker", types.ModuleType("harness_worker"))
sys.modules["harness_worker"].__path__ = [str(Path(__file__).resolve().parent)]

from harness_worker import worker_calls, worker_code  # noqa: E402
from harness_worker.worker_http import FullDiskError, refusal  # noqa: E402

GO = "go"


class Parent:
    """The process that asked.

    Args:
        lines: what it says.
        out: where reports and the answer go.
        limit: seconds after which this process ends if it is not heard of.
    """

    def __init__(self, lines, out, limit):
        self.out = out
        self.limit = limit
        self.pid = os.getppid()
        self.lines: queue.Queue[str] = queue.Queue()
        self.nowhere = open(os.devnull, "w")  # noqa: SIM115, PTH123
        self.watch(limit)
        threading.Thread(target=self._listen, args=(lines,), daemon=True).start()

    def watch(self, limit):
        """End this process after so many seconds, even if it hangs in a call."""
        if limit:
            faulthandler.dump_traceback_later(limit, exit=True, file=self.nowhere)

    def tell(self, **report):
        self.out.write(json.dumps(report) + "\n")
        self.out.flush()

    def page(self):
        """Say that a page of a long list arrived; each has its own time limit."""
        self.watch(self.limit)
        self.tell(stage="page")

    def permission(self, limit):
        """Wait for the parent's word to submit; end if it does not come."""
        self.watch(limit)
        self.tell(stage="uploaded")
        if self.lines.get() != GO or os.getppid() != self.pid:
            os._exit(1)
        self.watch(limit)

    def _listen(self, lines):
        for line in lines:
            self.lines.put(line.strip())
        os._exit(1)  # the parent is gone


def die_with_parent():
    """Ask Linux to kill this process when its parent dies; elsewhere the end of standard input tells."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def hold(path):
    """Lock a file for as long as this process lives, so that nobody sends anything beside it; end if it is locked."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os._exit(1)


def main() -> None:
    die_with_parent()
    # Not sys.stdin: the client's exit() closes that one, which would wait for the thread that reads it.
    said, sys.stdin = os.fdopen(os.dup(0)), open(os.devnull)  # noqa: SIM115, PTH123
    request = json.loads(said.readline() or "null")
    if request is None:
        return
    answer = os.fdopen(os.dup(1), "w")
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    parent = Parent(said, answer, request.pop("limit", None))
    if path := request.pop("hold", None):
        hold(path)
    parent.tell(**_answer(request, parent))
    os._exit(0)  # not waiting for the thread that listens


def _answer(request, parent):
    try:
        import requests
        from kaggle import api
    except ImportError as error:
        return {"failure": "no client", "detail": str(error)}
    except Exception as error:  # for example a home folder that cannot be written to
        return {"failure": "client", "detail": f"{type(error).__name__}: {error}"}
    # Checked before RequestException, because the decoding errors of requests are of both kinds.
    decoding_errors = (ValueError, KeyError, TypeError, AttributeError)
    try:
        if not getattr(api, "_authenticated", False):  # importing it has tried already, but hides the error
            api.authenticate()
        name = request.pop("call")
        return getattr(worker_code if hasattr(worker_code, name) else worker_calls, name)(api, parent, **request)
    except SystemExit:
        return {"failure": "no credentials", "detail": ""}
    except requests.exceptions.HTTPError as error:
        return refusal("http", error.response, str(error))
    except decoding_errors as error:
        return {"failure": "answer", "detail": f"{type(error).__name__}: {error}"}
    except (requests.exceptions.RequestException, OSError) as error:
        return {"failure": "network", "detail": f"{type(error).__name__}: {error}"}
    except FullDiskError as error:
        return {"failure": "disk", "detail": str(error)}
    except Exception as error:  # the parent process reports it
        return {"failure": "client", "detail": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
