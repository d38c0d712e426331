"""What several calls of the worker share: files into Kaggle's storage, answers as they are, and refusals."""

# mypy: disable-error-code="import-not-found,import-untyped"

import contextlib
import io
import math
import time

REPORT_SECONDS = 0.2  # between two reports of the bytes sent


def refusal(kind, response, detail):
    if response is None:
        return {"failure": kind, "status": None, "detail": detail}
    after = response.headers.get("Retry-After", "")
    return {"failure": kind, "status": response.status_code, "detail": detail, "retry_after": after}


class FullDiskError(Exception):
    """Nothing more can be written."""


def put(url, file, parent, before=0):
    """Put a file into Kaggle's storage, telling how far it is: after ``before`` bytes of others. It may be repeated."""
    import requests
    from urllib3.util.retry import Retry

    session = requests.Session()
    retries = requests.adapters.HTTPAdapter(max_retries=Retry(total=2, backoff_factor=0.5))
    session.mount("http://", retries)
    session.mount("https://", retries)
    with Told(file, parent, before) as content:
        return session.put(url, data=content)


class Told(io.BufferedReader):
    """A file that tells how much of it was read."""

    def __init__(self, file, parent, before):
        super().__init__(io.FileIO(file))
        self.parent = parent
        self.before = before
        self.last = 0.0

    def read(self, size=-1):
        content = super().read(size)
        if time.monotonic() - self.last >= REPORT_SECONDS or not content:
            self.last = time.monotonic()
            self.parent.watch(self.parent.limit)
            self.parent.tell(sent=self.before + self.tell())
        return content


def raw(api, service, method, request):
    """The answer to a call as JSON. The client's own objects cannot hold a status or a score that it does not know.

    ``service`` gives the client's part that has the method.
    """
    answers: list = []
    with api.build_kaggle_client() as client:
        client.http_client()._response_processor = answers.append
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            getattr(service(client), method)(request)
    if not answers:
        raise ValueError("no answer")
    answer = answers[-1].json()
    if not isinstance(answer, dict):
        raise TypeError(f"{type(answer).__name__} instead of an object")
    return answer


def text(item, name):
    value = item.get(name)
    return value if isinstance(value, str) else ""


def score(value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
