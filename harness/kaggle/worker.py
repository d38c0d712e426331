"""One call of the real ``kaggle`` package, in a process of its own; run as a script, and imports nothing of ours.

Importing that package authenticates, prints to standard output, may go to the network and may exit; its calls have no
time limit. So it is imported here alone: the request comes as JSON on standard input, one JSON object goes back on
what was standard output, all else that is printed goes nowhere, and whoever started this process ends it when it takes
too long. Credentials are found by the package itself and never seen here.
"""

# mypy: disable-error-code="import-not-found,import-untyped"

import json
import os
import sys

PAGES, PAGE_SIZE = 50, 100


def main() -> None:
    request = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    json.dump(_answer(request), answer)
    answer.close()


def _answer(request):
    try:
        import requests
        from kaggle import api
    except ImportError as error:
        return {"failure": "no client", "detail": str(error)}
    except Exception as error:  # a home that cannot be written to, for one
        return {"failure": "client", "detail": f"{type(error).__name__}: {error}"}
    # Decoding errors come first: the library's own are both kinds at once.
    unreadable = (ValueError, KeyError, TypeError, AttributeError)
    try:
        if not getattr(api, "_authenticated", False):  # importing it tried already, and hid why it failed
            api.authenticate()
        return CALLS[request.pop("call")](api, **request)
    except SystemExit:
        return {"failure": "no credentials", "detail": ""}
    except requests.exceptions.HTTPError as error:
        status = None if error.response is None else error.response.status_code
        return {"failure": "http", "status": status, "detail": str(error)}
    except unreadable as error:
        return {"failure": "answer", "detail": f"{type(error).__name__}: {error}"}
    except (requests.exceptions.RequestException, OSError) as error:
        return {"failure": "network", "detail": f"{type(error).__name__}: {error}"}
    except Exception as error:  # whatever it is, the other side tells it in words
        return {"failure": "client", "detail": f"{type(error).__name__}: {error}"}


def about(api, slug):
    """Whether submissions are taken, and how many are left."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

    with api.build_kaggle_client() as client:
        wanted = ApiGetCompetitionRequest()
        wanted.competition_name = slug
        found = client.competitions.competition_api_client.get_competition(wanted)
    limits = api.competition_get_submission_limits(slug)
    return {
        "title": found.title or slug,
        "deadline": found.deadline.isoformat() if found.deadline else None,
        "disabled": bool(found.submissions_disabled),
        "notebooks_only": bool(found.is_kernels_submissions_only),
        "entered": bool(found.user_has_entered),
        "today": limits.num_today,
        "total": limits.num_total,
        "left": limits.num_allowed_now,
    }


def files(api, slug):
    """The bytes of all data files together."""
    total, token = 0, None
    for _ in range(PAGES):
        page = api.competition_list_files(slug, page_token=token, page_size=PAGE_SIZE)
        total += sum(file.total_bytes or 0 for file in page.files)
        token = page.next_page_token
        if not token:
            break
    return {"bytes": total}


def download(api, slug, folder):
    """All data files as one archive into a folder; goes on with what is there of it."""
    api.competition_download_files(slug, folder, quiet=True)
    return {}


def leaderboard(api, slug, folder):
    """The leaderboard as an archive into a folder."""
    api.competition_leaderboard_download(slug, folder, quiet=True)
    return {}


def submit(api, slug, file, message):
    """Upload and submit; without a reference it has not been submitted, whatever the message says."""
    found = api.competition_submit(file, message, slug, quiet=True)
    return {"reference": str(found.ref) if found.ref else "", "message": found.message or ""}


def submissions(api, slug):
    """All submissions, the newest first."""
    found: dict[str, dict] = {}
    for number in range(1, PAGES + 1):
        page = api.competition_submissions(slug, page_number=number, page_size=PAGE_SIZE)
        new = {str(one.ref): _submission(one) for one in page if str(one.ref) not in found}
        found |= new
        if len(new) < PAGE_SIZE:
            break
    return {"submissions": [*found.values()]}


def submission(api, reference):
    """One submission."""
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

    with api.build_kaggle_client() as client:
        wanted = ApiGetSubmissionRequest()
        wanted.ref = int(reference)
        return _submission(client.competitions.competition_api_client.get_submission(wanted))


def _submission(found):
    return {
        "reference": str(found.ref),
        "date": found.date.isoformat() if found.date else "",
        "file": found.file_name or "",
        "message": found.description or "",
        "status": found.status.name.lower(),
        "why": found.error_description or "",
        "public": float(found.public_score) if found.public_score else None,
        "private": float(found.private_score) if found.private_score else None,
    }


CALLS = {call.__name__: call for call in (about, files, download, leaderboard, submit, submissions, submission)}

if __name__ == "__main__":
    main()
