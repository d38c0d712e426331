"""One call of the real ``kaggle`` package in a separate process. This is a script that imports nothing of ours.

Importing the package authenticates, prints to standard output, may access the network and may exit; its calls have no
time limit. Therefore it is imported only here. The package finds the credentials itself, so this script never sees
them. Everything that is printed is discarded, except for one JSON object a line on the original standard output: first
what happens (bytes "sent" so far, or a "stage"), then the answer.

The request is the first line of standard input, and the parent process keeps standard input open as long as it lives.
This process ends with its parent, by itself after a time limit, and never submits anything without the parent's word:
once a file is uploaded it says so, and waits for the line "go".
"""

# mypy: disable-error-code="import-not-found,import-untyped"

import contextlib
import errno
import faulthandler
import io
import json
import math
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path

PAGES, PAGE_SIZE = 1000, 100
REPORT_SECONDS = 0.2  # between two reports of the bytes sent
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
        return CALLS[request.pop("call")](api, parent, **request)
    except SystemExit:
        return {"failure": "no credentials", "detail": ""}
    except requests.exceptions.HTTPError as error:
        return _refusal("http", error.response, str(error))
    except decoding_errors as error:
        return {"failure": "answer", "detail": f"{type(error).__name__}: {error}"}
    except (requests.exceptions.RequestException, OSError) as error:
        return {"failure": "network", "detail": f"{type(error).__name__}: {error}"}
    except FullDiskError as error:
        return {"failure": "disk", "detail": str(error)}
    except Exception as error:  # the parent process reports it
        return {"failure": "client", "detail": f"{type(error).__name__}: {error}"}


def _refusal(kind, response, detail):
    if response is None:
        return {"failure": kind, "status": None, "detail": detail}
    after = response.headers.get("Retry-After", "")
    return {"failure": kind, "status": response.status_code, "detail": detail, "retry_after": after}


def about(api, parent, slug):
    """Whether submissions are accepted, and how many are left."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

    with api.build_kaggle_client() as client:
        request = ApiGetCompetitionRequest()
        request.competition_name = slug
        competition = client.competitions.competition_api_client.get_competition(request)
    limits = api.competition_get_submission_limits(slug)
    return {
        "title": competition.title or slug,
        "deadline": competition.deadline.isoformat() if competition.deadline else None,
        "disabled": bool(competition.submissions_disabled),
        "notebooks_only": bool(competition.is_kernels_submissions_only),
        "entered": bool(competition.user_has_entered),
        "today": limits.num_today,
        "total": limits.num_total,
        "left": limits.num_allowed_now,
        "limited_by_total": bool(limits.limited_by_total),
    }


def files(api, parent, slug):
    """The size of each data file in bytes."""
    sizes: dict[str, int] = {}
    token = None
    for _ in range(PAGES):
        page = api.competition_list_files(slug, page_token=token, page_size=PAGE_SIZE)
        sizes |= {file.name: file.total_bytes or 0 for file in page.files}
        parent.page()
        token = page.next_page_token
        if not token:
            break
    return {"files": sizes}


def download(api, parent, slug, folder):
    """Download all data files as one archive into a folder, resuming a partial download."""
    with _full_disk_told_at_once():
        api.competition_download_files(slug, folder, quiet=True)
    return {}


def download_file(api, parent, slug, folder, name):
    """Download one data file into a folder, resuming a partial download."""
    with _full_disk_told_at_once():
        api.competition_download_file(slug, name, folder, quiet=True)
    return {}


class FullDiskError(Exception):
    """Nothing more can be written."""


@contextlib.contextmanager
def _full_disk_told_at_once():
    """The client takes a full disk for a broken connection, and tries again for minutes: stop at its first pause."""

    def pause(seconds):
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise FullDiskError(error.strerror)
        sleep(seconds)

    sleep, time.sleep = time.sleep, pause
    try:
        yield
    finally:
        time.sleep = sleep


def leaderboard(api, parent, slug, folder):
    """Download the leaderboard as an archive into a folder."""
    api.competition_leaderboard_download(slug, folder, quiet=True)
    return {}


def private_leaderboard(api, parent, slug):
    """The scores of the private leaderboard, in its order; None where Kaggle gives the public one in its place."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetLeaderboardRequest

    def page(token, public):
        request = ApiGetLeaderboardRequest()
        request.competition_name, request.page_size = slug, PAGE_SIZE
        if token:
            request.page_token = token
        if public:
            request.override_public = True
        parent.page()
        answer = _raw(api, "get_leaderboard", request)
        return [row.get("score") for row in answer.get("submissions", [])], answer.get("nextPageToken")

    scores, token = page("", False)
    if scores == page("", True)[0]:
        return {"scores": None}
    for _ in range(PAGES):
        if not token:
            return {"scores": scores}
        more, token = page(token, False)
        scores += more
    raise ValueError(f"more than {PAGES} pages of the leaderboard")


def submit(api, parent, slug, file, message, grant):
    """Upload a file, wait for the parent's word, and submit it. Without a reference it is unknown what became of it."""
    from kagglesdk.competitions.types.competition_api_service import (
        ApiCreateSubmissionRequest,
        ApiStartSubmissionUploadRequest,
    )

    path = Path(file)
    with api.build_kaggle_client() as client:
        competitions = client.competitions.competition_api_client
        start = ApiStartSubmissionUploadRequest()
        start.competition_name, start.file_name = slug, path.name
        start.content_length, start.last_modified_epoch_seconds = path.stat().st_size, int(path.stat().st_mtime)
        upload = competitions.start_submission_upload(start)
        if not upload.token or not upload.create_url:
            raise ValueError("no address to upload to")
        response = _put(upload.create_url, file, parent)
        if response.status_code not in (200, 201):
            return _refusal("storage", response, response.reason or "")
        create = ApiCreateSubmissionRequest()
        create.competition_name, create.blob_file_tokens = slug, upload.token
        create.submission_description = message
        parent.permission(grant)
        response = competitions.create_submission(create)
    return {"reference": str(response.ref) if response.ref else "", "message": response.message or ""}


def _put(url, file, parent):
    """Put a file into Kaggle's storage, telling how far it is. Repeating it changes nothing."""
    import requests
    from urllib3.util.retry import Retry

    session = requests.Session()
    retries = requests.adapters.HTTPAdapter(max_retries=Retry(total=2, backoff_factor=0.5))
    session.mount("http://", retries)
    session.mount("https://", retries)
    with Told(file, parent) as content:
        return session.put(url, data=content)


class Told(io.BufferedReader):
    """A file that tells how much of it was read."""

    def __init__(self, file, parent):
        super().__init__(io.FileIO(file))
        self.parent = parent
        self.last = 0.0

    def read(self, size=-1):
        content = super().read(size)
        if time.monotonic() - self.last >= REPORT_SECONDS or not content:
            self.last = time.monotonic()
            self.parent.watch(self.parent.limit)
            self.parent.tell(sent=self.tell())
        return content


def submissions(api, parent, slug):
    """All submissions, the newest first. Pages are read until one brings nothing new: how long one is is not known."""
    from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

    rows: dict[str, dict] = {}
    for number in range(1, PAGES + 1):
        request = ApiListSubmissionsRequest()
        request.competition_name, request.page, request.page_size = slug, number, PAGE_SIZE
        page = _raw(api, "list_submissions", request).get("submissions", [])
        if not isinstance(page, list):
            raise TypeError(f"submissions: {type(page).__name__}")
        new = {_identity(item): _submission(item) for item in page if _identity(item) not in rows}
        if not new:
            return {"submissions": [*rows.values()]}
        rows |= new
        parent.page()
    raise ValueError(f"more than {PAGES} pages of submissions")


def submission(api, parent, reference):
    """One submission."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

    request = ApiGetSubmissionRequest()
    request.ref = int(reference)
    found = _submission(_raw(api, "get_submission", request))
    if found["reference"] != reference:
        raise ValueError("an answer about another submission")
    return found


def _raw(api, method, request):
    """The answer to a call as JSON. The client's own objects cannot hold a status or a score that it does not know."""
    answers: list = []
    with api.build_kaggle_client() as client:
        client.http_client()._response_processor = answers.append
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            getattr(client.competitions.competition_api_client, method)(request)
    if not answers:
        raise ValueError("no answer")
    answer = answers[-1].json()
    if not isinstance(answer, dict):
        raise TypeError(f"{type(answer).__name__} instead of an object")
    return answer


def _identity(item):
    """What tells two rows of the list apart."""
    reference = item.get("ref") if isinstance(item, dict) else None
    return str(reference) if reference else json.dumps(item, sort_keys=True)


def _submission(item):
    """A row of Kaggle's list; what cannot be read is left empty, because one bad old row says nothing about others."""
    item = item if isinstance(item, dict) else {}
    reference = item.get("ref")
    return {
        "reference": str(reference) if isinstance(reference, int) and reference > 0 else "",
        "date": _text(item, "date"),
        "file": _text(item, "fileName"),
        "message": _text(item, "description"),
        "status": _text(item, "status").lower().removeprefix("submission_status_") or "pending",
        "why": _text(item, "errorDescription"),
        "public": _score(item.get("publicScore")),
        "private": _score(item.get("privateScore")),
    }


def _text(item, name):
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _score(value):
    try:
        score = float(value)
    except (TypeError, ValueError):
        return None
    return score if math.isfinite(score) else None


CALLS = {
    call.__name__: call
    for call in (
        about,
        files,
        download,
        download_file,
        leaderboard,
        private_leaderboard,
        submit,
        submissions,
        submission,
    )
}

if __name__ == "__main__":
    main()
