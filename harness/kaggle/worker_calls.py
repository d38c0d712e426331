"""The worker's calls about a competition: its data, its leaderboard, its submissions."""

# mypy: disable-error-code="import-not-found,import-untyped"

import contextlib
import errno
import json
import sys
import time
from pathlib import Path

from harness_worker.worker_http import FullDiskError, put, raw, refusal, score, text

PAGES, PAGE_SIZE = 1000, 100


def competitions(client):
    return client.competitions.competition_api_client


def about(api, parent, slug):
    """Whether submissions are accepted, and how many are left."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

    with api.build_kaggle_client() as client:
        request = ApiGetCompetitionRequest()
        request.competition_name = slug
        competition = competitions(client).get_competition(request)
    limits = api.competition_get_submission_limits(slug)
    return {
        "title": competition.title or slug,
        "metric": competition.evaluation_metric or "",
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
        answer = raw(api, competitions, "get_leaderboard", request)
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
        start = ApiStartSubmissionUploadRequest()
        start.competition_name, start.file_name = slug, path.name
        start.content_length, start.last_modified_epoch_seconds = path.stat().st_size, int(path.stat().st_mtime)
        upload = competitions(client).start_submission_upload(start)
        if not upload.token or not upload.create_url:
            raise ValueError("no address to upload to")
        response = put(upload.create_url, file, parent)
        if response.status_code not in (200, 201):
            return refusal("storage", response, response.reason or "")
        create = ApiCreateSubmissionRequest()
        create.competition_name, create.blob_file_tokens = slug, upload.token
        create.submission_description = message
        parent.permission(grant)
        response = competitions(client).create_submission(create)
    return {"reference": str(response.ref) if response.ref else "", "message": response.message or ""}


def submissions(api, parent, slug):
    """All submissions, the newest first. Pages are read until one brings nothing new: how long one is is not known."""
    from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

    rows: dict[str, dict] = {}
    for number in range(1, PAGES + 1):
        request = ApiListSubmissionsRequest()
        request.competition_name, request.page, request.page_size = slug, number, PAGE_SIZE
        page = raw(api, competitions, "list_submissions", request).get("submissions", [])
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
    found = _submission(raw(api, competitions, "get_submission", request))
    if found["reference"] != reference:
        raise ValueError("an answer about another submission")
    return found


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
        "date": text(item, "date"),
        "file": text(item, "fileName"),
        "message": text(item, "description"),
        "status": text(item, "status").lower().removeprefix("submission_status_") or "pending",
        "why": text(item, "errorDescription"),
        "public": score(item.get("publicScore")),
        "private": score(item.get("privateScore")),
    }
