"""One call of the real ``kaggle`` package in a separate process. This is a script that imports nothing of ours.

Importing the package authenticates, prints to standard output, may access the network and may exit; its calls have no
time limit. Therefore it is imported only here. The request is read as JSON from standard input. The answer is one JSON
object, written to the original standard output; everything else that is printed is discarded. The parent process kills
this process if it takes too long. The package finds the credentials itself, so this script never sees them.
"""

# mypy: disable-error-code="import-not-found,import-untyped"

import json
import os
import sys

PAGES, PAGE_SIZE = 50, 100


def main() -> None:
    request = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    json.dump(_answer(request), answer)
    answer.close()


def _answer(request):
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
        return CALLS[request.pop("call")](api, **request)
    except SystemExit:
        return {"failure": "no credentials", "detail": ""}
    except requests.exceptions.HTTPError as error:
        status = None if error.response is None else error.response.status_code
        return {"failure": "http", "status": status, "detail": str(error)}
    except decoding_errors as error:
        return {"failure": "answer", "detail": f"{type(error).__name__}: {error}"}
    except (requests.exceptions.RequestException, OSError) as error:
        return {"failure": "network", "detail": f"{type(error).__name__}: {error}"}
    except Exception as error:  # the parent process reports it
        return {"failure": "client", "detail": f"{type(error).__name__}: {error}"}


def about(api, slug):
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
    }


def files(api, slug):
    """The total size of all data files in bytes."""
    total, token = 0, None
    for _ in range(PAGES):
        page = api.competition_list_files(slug, page_token=token, page_size=PAGE_SIZE)
        total += sum(file.total_bytes or 0 for file in page.files)
        token = page.next_page_token
        if not token:
            break
    return {"bytes": total}


def download(api, slug, folder):
    """Download all data files as one archive into a folder, resuming a partial download."""
    api.competition_download_files(slug, folder, quiet=True)
    return {}


def leaderboard(api, slug, folder):
    """Download the leaderboard as an archive into a folder."""
    api.competition_leaderboard_download(slug, folder, quiet=True)
    return {}


def submit(api, slug, file, message):
    """Upload and submit a file. Without a reference it was not submitted, whatever the message says."""
    response = api.competition_submit(file, message, slug, quiet=True)
    return {"reference": str(response.ref) if response.ref else "", "message": response.message or ""}


def submissions(api, slug):
    """All submissions, the newest first."""
    by_reference: dict[str, dict] = {}
    for number in range(1, PAGES + 1):
        page = api.competition_submissions(slug, page_number=number, page_size=PAGE_SIZE)
        new = {str(item.ref): _submission(item) for item in page if str(item.ref) not in by_reference}
        by_reference |= new
        if len(new) < PAGE_SIZE:
            break
    return {"submissions": [*by_reference.values()]}


def submission(api, reference):
    """One submission."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

    with api.build_kaggle_client() as client:
        request = ApiGetSubmissionRequest()
        request.ref = int(reference)
        return _submission(client.competitions.competition_api_client.get_submission(request))


def _submission(submission):
    return {
        "reference": str(submission.ref),
        "date": submission.date.isoformat() if submission.date else "",
        "file": submission.file_name or "",
        "message": submission.description or "",
        "status": submission.status.name.lower(),
        "why": submission.error_description or "",
        "public": float(submission.public_score) if submission.public_score else None,
        "private": float(submission.private_score) if submission.private_score else None,
    }


CALLS = {call.__name__: call for call in (about, files, download, leaderboard, submit, submissions, submission)}

if __name__ == "__main__":
    main()
