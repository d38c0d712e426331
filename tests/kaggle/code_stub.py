"""A server that also has datasets and kernels, and answers the real client's calls about them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.kaggle.stub import RefusedError, Stub


@dataclass
class CodeStub(Stub):
    """What it knows besides.

    Args:
        datasets: the versions of each dataset, by ``owner/name``: "notes", "files" (bytes by name), "polls".
        kernels: the versions of each kernel: "text", "request", "polls", and "submitted", how often.
        unpacking: how many looks at a dataset come before it is ready; ``running`` the same for a kernel.
        run: runs a kernel's version on the public test images; gives its status ("COMPLETE" or "ERROR") and its log.
        score_of: runs a kernel's version on the hidden test images, and gives the score, or None where it failed.
        with_notes: whether versions of datasets are told with their notes.
    """

    datasets: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    kernels: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    unpacking: int = 0
    running_for: int = 0
    run: Callable[[dict[str, Any]], tuple[str, str]] = lambda _: ("COMPLETE", "")
    score_of: Callable[[dict[str, Any]], str | None] = lambda _: "0.5"
    with_notes: bool = True

    # Datasets.

    def start_blob_upload(self, request: dict) -> dict:
        assert request["type"] == "DATASET"
        return self.start_submission_upload({"fileName": request["name"]})

    def create_dataset(self, request: dict) -> dict:
        slug = f"{request['ownerSlug']}/{request['slug']}"
        if self.datasets[slug]:
            return {"status": "error", "error": f"The requested title {request['title']!r} is already in use."}
        assert request["isPrivate"] is True and 6 <= len(request["title"]) <= 50 and request["licenseName"]
        self._add(slug, request["files"], request.get("description", ""), "")
        return {"status": "ok", "ref": slug}

    def create_dataset_version(self, request: dict) -> dict:
        slug, body = f"{request['ownerSlug']}/{request['datasetSlug']}", request["body"]
        if not self.datasets[slug]:
            raise RefusedError(403)
        self._add(slug, body["files"], body["description"], body["versionNotes"])
        return {"status": "ok", "ref": slug}

    def _add(self, slug: str, files: list[dict], description: str, notes: str) -> None:
        content = {one["token"].rpartition("-")[0]: self.uploads[one["token"]] for one in files}
        self.datasets[slug].append({"files": content, "description": description, "notes": notes, "polls": 0})

    def get_dataset(self, request: dict) -> dict:
        versions = self._versions(self.datasets, request["ownerSlug"], request["datasetSlug"])
        told = [
            {"versionNumber": number, "versionNotes": one["notes"]} for number, one in enumerate(versions, 1)
        ]  # fmt: skip
        about = {"description": versions[-1]["description"], "versions": told} if self.with_notes else {}
        return {"ref": "x", "currentVersionNumber": len(versions)} | about

    def get_dataset_status(self, request: dict) -> dict:
        newest = self._versions(self.datasets, request["ownerSlug"], request["datasetSlug"])[-1]
        newest["polls"] += 1
        return {"status": "READY" if newest["polls"] > self.unpacking else "BLOBS_RECEIVED"}

    # Kernels.

    def save_kernel(self, request: dict) -> dict:
        assert request["enableInternet"] is False and request["isPrivate"] is True and request["language"] == "python"
        slug = request["slug"]
        sources = request.get("datasetDataSources", [])
        unknown = [one for one in sources if not self.datasets.get(one)]
        version = {"text": request["text"], "request": request, "polls": 0, "slug": slug, "submitted": 0}
        version["models"] = [self.datasets[one][-1]["files"] for one in sources if one not in unknown]
        self.kernels[slug].append(version)
        return {
            "ref": f"/code/{slug}", "url": "https://www.kaggle.com/x", "versionNumber": len(self.kernels[slug]),
            "invalidDatasetSources": unknown,
        }  # fmt: skip

    def get_kernel(self, request: dict) -> dict:
        versions = self._versions(self.kernels, request["userName"], request["kernelSlug"])
        return {"metadata": {"currentVersionNumber": len(versions)}, "blob": {"source": versions[-1]["text"]}}

    def get_kernel_session_status(self, request: dict) -> dict:
        newest = self._versions(self.kernels, request["userName"], request["kernelSlug"])[-1]
        newest["polls"] += 1
        if newest["polls"] <= self.running_for:
            return {"status": "QUEUED" if newest["polls"] == 1 else "RUNNING"}
        if "status" not in newest:
            newest["status"], newest["log"] = self.run(newest)
        failure = {"failureMessage": "Your notebook failed"} if newest["status"] == "ERROR" else {}
        return {"status": newest["status"]} | failure

    def list_kernel_session_output(self, request: dict) -> dict:
        newest = self._versions(self.kernels, request["userName"], request["kernelSlug"])[-1]
        return {"files": [], "log": newest.get("log", "")}

    def create_code_submission(self, request: dict) -> dict:
        versions = self._versions(self.kernels, request["kernelOwner"], request["kernelSlug"])
        version = versions[request["kernelVersion"] - 1]
        assert request["fileName"] == "submission.csv" and version["status"] == "COMPLETE"
        version["submitted"] += 1
        reference = 1000 + len(self.submissions)
        self.submissions.insert(0, {
            "ref": reference, "date": "2026-01-02T03:04:05.000Z", "description": request["submissionDescription"],
            "fileName": request["fileName"], "status": "PENDING", "polls": 0, "version": version,
            "sha256": hashlib.sha256(version["text"].encode()).hexdigest(),
        })  # fmt: skip
        return {"message": "Successfully submitted", "ref": reference}

    def get_submission(self, request: dict) -> dict:
        found = next(one for one in self.submissions if one["ref"] == request["ref"])
        if "version" in found and found["polls"] == self.pending and found["status"] == "PENDING":
            score = self.score_of(found["version"])
            if score is None:
                found |= {"status": "ERROR", "errorDescription": "Notebook Threw Exception"}
            else:
                self.score = (score, score)
        return super().get_submission(request)

    def _versions(self, things: dict[str, list], owner: str, name: str) -> list[dict[str, Any]]:
        """The versions of a dataset or a kernel; Kaggle tells nobody whether what is not there is another's."""
        if not things.get(f"{owner}/{name}"):
            raise RefusedError(403)
        return things[f"{owner}/{name}"]
