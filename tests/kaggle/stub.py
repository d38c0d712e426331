"""A server on this machine that answers Kaggle's real client, and does wrong what it is told to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HTML = b"<!DOCTYPE html><html><body>We will be right back.</body></html>"


@dataclass
class Stub:
    """What the server knows and what it is to do wrong.

    Args:
        slug: the one competition.
        archive: its data.
        board: its leaderboard's archive.
        score: given to every submission, public and private.
        pending: how often a submission is told to be pending before it is complete.
        competition: what GetCompetition tells besides.
        limits: what GetSubmissionLimits tells.
        submissions: what was submitted.
        uploads: the bytes that were put.
        files: the data files and their sizes; empty for one that is the archive.
        sent_as: the name under which a single file arrives, where that is not its own.
        public_board, private_board: the scores that GetLeaderboard tells; the private ones only where there are some.
        page_cap: the most rows of a page of submissions, whatever is asked for.
        unlisted: how many looks at the list do not show the newest submission.
        faults: for each method the faults of its next calls: an HTTP status, alone or with headers, "html", "drop",
            "stall", "truncate", "lost" (it is done, but the answer never comes), ("late", seconds) (it is done so much
            later, and the answer never comes), ("slow", seconds) (it takes that long), "empty", or a dict to answer
            with.
        calls: how often each method was called.
        authorizations: the header of each call.
    """

    slug: str = "pets"
    archive: bytes = b""
    board: bytes = b""
    score: tuple[str, str] = ("0.5", "0.25")
    pending: int = 0
    competition: dict[str, Any] = field(default_factory=lambda: {"userHasEntered": True})
    limits: dict[str, Any] = field(default_factory=lambda: {"numToday": 1, "numTotal": 7, "numAllowedNow": 4})
    submissions: list[dict[str, Any]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    public_board: list[str] = field(default_factory=lambda: ["0.1", "0.2"])
    private_board: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    sent_as: str = ""
    page_cap: int = 1000
    unlisted: int = 0
    faults: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    calls: Counter[str] = field(default_factory=Counter)
    authorizations: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Stub]:
        stub = self

        class Handler(_Handler):
            told = stub

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that was ended hangs up."""

        server = Server(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    # What Kaggle's methods answer.

    def get_competition(self, _: dict) -> dict:
        return {"ref": f"https://www.kaggle.com/competitions/{self.slug}", "title": "Pets"} | self.competition

    def get_submission_limits(self, _: dict) -> dict:
        return self.limits

    def list_data_files(self, request: dict) -> dict:
        start = int(request.get("pageToken") or 0)
        files = [{"name": name, "totalBytes": size} for name, size in self.files.items()]
        files = files or [{"name": "train.zip", "totalBytes": len(self.archive)}]
        end = start + min(request.get("pageSize", 20), self.page_cap)
        return {"files": files[start:end]} | ({"nextPageToken": str(end)} if end < len(files) else {})

    def start_submission_upload(self, request: dict) -> dict:
        token = f"{request['fileName']}-{len(self.uploads)}"
        return {"token": token, "createUrl": self.url(f"upload/{token}")}

    def create_submission(self, request: dict) -> dict:
        content = self.uploads[request["blobFileTokens"]]
        reference = 1000 + len(self.submissions)
        self.submissions.insert(0, {
            "ref": reference,
            "date": "2026-01-02T03:04:05.000Z",
            "description": request.get("submissionDescription", ""),
            "fileName": request["blobFileTokens"].rpartition("-")[0],
            "status": "PENDING",
            "sha256": hashlib.sha256(content).hexdigest(),
            "polls": 0,
        })  # fmt: skip
        return {"message": "Successfully submitted to Pets", "ref": reference}

    def get_submission(self, request: dict) -> dict:
        found = next(one for one in self.submissions if one["ref"] == request["ref"])
        found["polls"] += 1
        if found["polls"] > self.pending and found["status"] == "PENDING":
            found |= {"status": "COMPLETE", "publicScore": self.score[0], "privateScore": self.score[1]}
        return _public(found)

    def get_leaderboard(self, request: dict) -> dict:
        scores = self.public_board if request.get("overridePublic") else self.private_board or self.public_board
        start = int(request.get("pageToken") or 0)
        end = start + 2
        rows = [{"teamId": n, "teamName": "=cmd()", "score": score} for n, score in enumerate(scores)]
        return {"submissions": rows[start:end]} | ({"nextPageToken": str(end)} if end < len(rows) else {})

    def list_submissions(self, request: dict) -> dict:
        size, page = min(request.get("pageSize", 20), self.page_cap), request.get("page", 1)
        listed = self.submissions
        if self.unlisted and page == 1:
            self.unlisted -= 1
            return {"submissions": [_public(one) for one in listed[1 : 1 + size]]}
        return {"submissions": [_public(one) for one in listed[(page - 1) * size : page * size]]}

    @property
    def most_copies(self) -> int:
        """How many times the file that was submitted most often counts at Kaggle; errors do not count."""
        counts = Counter(one["sha256"] for one in self.submissions if one["status"] != "ERROR")
        return max(counts.values(), default=0)


class RefusedError(Exception):
    """What a method answers with in place of JSON: a status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _public(submission: dict) -> dict:
    return {key: value for key, value in submission.items() if key not in ("sha256", "polls", "version")}


class _Handler(BaseHTTPRequestHandler):
    told: Stub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        method = self.path.rpartition("/")[2]
        request = json.loads(self._body() or b"{}")
        stub = self.told
        stub.calls[method] += 1
        stub.authorizations.add(self.headers.get("Authorization", ""))
        fault = self._fault(method)
        if fault == "lost":
            self._answer_of(method, request)
            self._drop()
        elif isinstance(fault, tuple) and fault[0] == "late":
            timer = threading.Timer(fault[1], self._answer_of, (method, request))
            timer.daemon = True
            timer.start()
            self._drop()
        elif isinstance(fault, dict):
            self._json(fault)
        elif not self._wrong(fault):
            if method == "DownloadDataFiles":
                self._send(302, b"", {"Location": stub.url(f"storage/{stub.slug}.zip")})
            elif method == "DownloadDataFile":
                self._send(302, b"", {"Location": stub.url(f"storage/{stub.sent_as or request['fileName']}")})
            elif method == "DownloadLeaderboard":
                self._send(200, stub.board, {"Content-Type": "application/zip"})
            else:
                try:
                    self._json(self._answer_of(method, request))
                except RefusedError as refused:
                    self._wrong(refused.status)

    def do_PUT(self) -> None:
        body = self._body()
        self.told.calls["PUT"] += 1
        if not self._wrong(self._fault("PUT")):
            self.told.uploads[self.path.rpartition("/")[2]] = body
            self._send(200, b"")

    def do_GET(self) -> None:
        stub, whole = self.told, self.told.archive
        stub.calls["GET"] += 1
        fault = self._fault("GET")
        headers = {
            "Content-Type": "application/zip", "Accept-Ranges": "bytes", "ETag": hashlib.md5(whole).hexdigest(),
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
        }  # fmt: skip
        start = 0
        if self.headers.get("Range") and self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            start = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            stub.calls["resumed"] += 1
            headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        if fault in ("truncate", "stall"):
            self.send_response(206 if start else 200)
            for name, value in (headers | {"Content-Length": str(len(whole) - start)}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(whole[start : start + (len(whole) - start) // 2])
            self.wfile.flush()
            if fault == "stall":
                stub.over.wait(60)
            self._drop()
        elif not self._wrong(fault):
            self._send(206 if start else 200, whole[start:], headers)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _fault(self, method: str) -> Any:
        waiting = self.told.faults[method]
        return waiting.pop(0) if waiting else None

    def _wrong(self, fault: Any) -> bool:
        """Do what a fault asks for; False for none."""
        if isinstance(fault, tuple) and fault[0] == "slow":
            self.told.over.wait(fault[1])
            return False
        if fault is None:
            return False
        if fault == "html":
            self._send(200, HTML, {"Content-Type": "text/html; charset=utf-8"})
        elif fault == "stall":
            self.told.over.wait(60)
            self._drop()
        elif fault == "drop":
            self._drop()
        elif fault == "empty":
            self._send(200, b"", {"Content-Type": "application/json"})
        elif isinstance(fault, tuple):
            self._send(fault[0], b"{}", {"Content-Type": "application/json"} | fault[1])
        else:
            body = json.dumps({"code": fault, "message": "\x1b[31mno\x1b[0m"}).encode()
            self._send(fault, body, {"Content-Type": "application/json"})
        return True

    def _answer_of(self, method: str, request: dict) -> dict:
        name = "".join("_" + letter.lower() if letter.isupper() else letter for letter in method).lstrip("_")
        return getattr(self.told, name)(request)

    def _json(self, answer: dict) -> None:
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(2)
