"""The worker's calls about code competitions: datasets of models, kernels, and submitting a kernel's version."""

# mypy: disable-error-code="import-not-found,import-untyped"

import contextlib
import json
import re
from pathlib import Path

from harness_worker.worker_http import put, raw, refusal, text

METADATA = "dataset-metadata.json"
ABSENT = (403, 404)  # what Kaggle answers about what is not there: it tells nobody whether it is another's


def datasets(client):
    return client.datasets.dataset_api_client


def kernels(client):
    return client.kernels.kernels_api_client


def owner(api, parent):
    """The user's name on Kaggle; empty if the credentials do not tell it."""
    return {"owner": api.config_values.get(api.CONFIG_NAME_USER) or ""}


def dataset(api, parent, owner, name):
    """The number of a dataset's newest version (0 if there is none), its status, and the notes of each version."""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest, ApiGetDatasetStatusRequest

    def ask(method, request):
        request.owner_slug, request.dataset_slug = owner, name
        return _unless_absent(api, datasets, method, request)

    about = ask("get_dataset", ApiGetDatasetRequest())
    if about is None:
        return {"version": 0, "status": "", "notes": {}}
    version = about.get("currentVersionNumber")
    if not isinstance(version, int) or version < 1:
        raise ValueError("a dataset without a version")
    status = ask("get_dataset_status", ApiGetDatasetStatusRequest()) or {}
    notes = {
        str(one.get("versionNumber")): text(one, "versionNotes")
        for one in about.get("versions") or []
        if isinstance(one, dict)
    }
    # The first version has no notes of its own.
    notes[str(version)] = f"{notes.get(str(version), '')} {text(about, 'description')}".strip()
    return {"version": version, "status": _status(status), "notes": notes}


def send_dataset(api, parent, folder, notes, new, grant):
    """Upload the files of a folder, wait for the parent's word, and make a dataset of them, or another version of it.

    Unlike the client's own way, this stops at the first file that does not arrive, and asks once only. It is confirmed
    if Kaggle's answer says where it is.
    """
    from kagglesdk.blobs.types.blob_api_service import ApiBlobType, ApiStartBlobUploadRequest
    from kagglesdk.datasets.types.dataset_api_service import (
        ApiCreateDatasetRequest,
        ApiCreateDatasetVersionRequest,
        ApiCreateDatasetVersionRequestBody,
        ApiDatasetNewFile,
    )

    about = json.loads(Path(folder, METADATA).read_text(encoding="utf-8"))
    owner, name = about["id"].split("/")
    files, sent = [], 0
    with api.build_kaggle_client() as client:
        for path in sorted(path for path in Path(folder).iterdir() if path.name != METADATA):
            start = ApiStartBlobUploadRequest()
            start.type, start.name, start.content_length = ApiBlobType.DATASET, path.name, path.stat().st_size
            start.last_modified_epoch_seconds = int(path.stat().st_mtime)
            upload = client.blobs.blob_api_client.start_blob_upload(start)
            if not upload.token or not upload.create_url:
                raise ValueError("no address to upload to")
            response = put(upload.create_url, str(path), parent, sent)
            if response.status_code not in (200, 201):
                return refusal("storage", response, f"{path.name}: {response.reason or ''}")
            sent += path.stat().st_size
            files.append(ApiDatasetNewFile())
            files[-1].token = upload.token
        if new:
            request = ApiCreateDatasetRequest()
            request.owner_slug, request.slug, request.title = owner, name, about["title"]
            request.license_name, request.is_private = about["licenses"][0]["name"], True
            request.files, request.description = files, notes
        else:
            request = ApiCreateDatasetVersionRequest()
            request.owner_slug, request.dataset_slug = owner, name
            request.body = ApiCreateDatasetVersionRequestBody()
            request.body.files, request.body.version_notes, request.body.description = files, notes, notes
        parent.permission(grant)
        answer = (datasets(client).create_dataset if new else datasets(client).create_dataset_version)(request)
    if answer.error:
        return {"failure": "refused", "detail": answer.error}
    return {"confirmed": bool(answer.ref or answer.url)}


def kernel(api, parent, owner, name):
    """The number of a kernel's newest version (0 if there is none), its status and why, and the tags in its code."""
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest, ApiGetKernelSessionStatusRequest

    def ask(method, request):
        request.user_name, request.kernel_slug = owner, name
        return _unless_absent(api, kernels, method, request)

    about = ask("get_kernel", ApiGetKernelRequest())
    if about is None:
        return {"version": 0, "status": "", "why": "", "tags": []}
    version = (about.get("metadata") or {}).get("currentVersionNumber")
    if not isinstance(version, int) or version < 1:
        raise ValueError("a kernel without a version")
    session = ask("get_kernel_session_status", ApiGetKernelSessionStatusRequest()) or {}
    tags = re.findall(r"\[[0-9a-f]+\]", text(about.get("blob") or {}, "source"))
    return {"version": version, "status": _status(session), "why": text(session, "failureMessage"), "tags": tags}


def send_kernel(api, parent, folder, grant):
    """Wait for the parent's word, and send a kernel, which starts it."""
    parent.permission(grant)
    answer = api.kernels_push(folder)
    if answer.error:
        return {"failure": "refused", "detail": answer.error}
    invalid = [*(answer.invalid_dataset_sources or []), *(answer.invalid_competition_sources or [])]
    return {"version": answer.version_number or 0, "invalid": [str(one) for one in invalid]}


def kernel_log(api, parent, owner, name):
    """The log of a kernel's newest run, as text."""
    from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

    request = ApiListKernelSessionOutputRequest()
    request.user_name, request.kernel_slug = owner, name
    log = text(raw(api, kernels, "list_kernel_session_output", request), "log")
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        log = "".join(str(part.get("data", "")) for part in json.loads(log))  # pieces with their times
    return {"log": log}


def submit_code(api, parent, slug, owner, name, version, file, message, grant):
    """Wait for the parent's word, and submit a kernel's version. Without a reference its fate is unknown."""
    parent.permission(grant)
    answer = api.competition_submit_code(file, message, slug, f"{owner}/{name}", version, quiet=True)
    return {"reference": str(answer.ref) if answer.ref else "", "message": answer.message or ""}


def _unless_absent(api, service, method, request):
    """The answer to a call as JSON; None if Kaggle says that there is no such thing."""
    import requests

    try:
        return raw(api, service, method, request)
    except requests.exceptions.HTTPError as error:
        if error.response is not None and error.response.status_code in ABSENT:
            return None
        raise


def _status(answer):
    return text(answer, "status").lower().rpartition("status_")[2]
