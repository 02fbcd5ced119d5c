"""Publishing, from the caller's side."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from node.base.errors import InvalidInput
from node.client.calls import Call, Progress, Steps, document, endpoint, flow, nothing

_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = 8 << 20
"""Bytes of a file that are sent together, and sent again if they do not arrive as they are."""


class PublishingCalls:
    """The part of a client that is about publishing."""

    @endpoint
    def upload(
        self,
        path: Path,
        *,
        media_type: str | None = None,
        progress: Progress | None = None,
        trial: bool = False,
    ) -> Call[dict[str, Any]]:
        """Send a file; returns ``{name, mediaType, size, sha256}``. With ``trial`` the node deletes it after a day,
        unless it is published or sent again without."""
        guessed = media_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        size = str(path.stat().st_size)
        headers = {"X-File-Name": quote(path.name), "Content-Type": guessed, "Content-Length": size}
        params = {"trial": "true"} if trial else {}
        call = document("POST", "/api/files", params=params, headers=headers, timeout=None)
        return replace(call, body=path, progress=progress)

    @flow
    def upload_in_pieces(
        self,
        path: Path,
        *,
        media_type: str | None = None,
        progress: Progress | None = None,
        trial: bool = False,
    ) -> Steps[dict[str, Any]]:
        """As ``upload``, in pieces that the node compares with their SHA-256. When it breaks off, call it again: it
        goes on where it stopped, if the file has not changed since."""
        facts = path.stat()
        mark = f"{path.name} {facts.st_size} {facts.st_mtime_ns}"
        answer = yield document("GET", "/api/uploads")
        begun = [upload for upload in answer["uploads"] if upload["fingerprint"] == mark]
        if begun:
            upload_id, offset = begun[0]["id"], begun[0]["received"]
        else:
            offset, upload_id = 0, (yield _announce(path.name, facts.st_size, mark))
        with path.open("rb") as file:
            while offset < facts.st_size:
                if progress is not None:
                    progress(offset, facts.st_size)
                file.seek(offset)
                piece = file.read(_PIECE)
                if not piece:
                    raise InvalidInput(f"{path.name} has become shorter", remedy="send it again")
                offset = yield _piece(upload_id, offset, piece)
        if progress is not None:
            progress(offset, facts.st_size)
        content_type = media_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        params = {"upload": upload_id, **({"trial": "true"} if trial else {})}
        file_answer = yield document(
            "POST", "/api/files", params=params, headers={"Content-Type": content_type}, timeout=None
        )
        return dict(file_answer)

    @endpoint
    def uploads(self) -> Call[list[dict[str, Any]]]:
        """Return the own files that have not arrived whole, or are not used yet: see ``GET /api/uploads``."""
        return Call("GET", "/api/uploads", lambda answer: list(answer.json()["uploads"]))

    @endpoint
    def remove_upload(self, upload_id: str) -> Call[None]:
        """Remove such a file."""
        return nothing("DELETE", f"/api/uploads/{quote(upload_id, safe='')}", headers=_TUS)

    @endpoint
    def publish(self, submission: Mapping[str, Any]) -> Call[dict[str, Any]]:
        """Publish a description: see ``POST /api/records``."""
        return document("POST", "/api/records", json=submission)

    @endpoint
    def publish_all(
        self, submissions: Sequence[Mapping[str, Any]], *, dry_run: bool = False, wait: bool = True
    ) -> Call[dict[str, Any]]:
        """Publish several descriptions: see ``POST /api/records/batch``."""
        body = {"records": [dict(submission) for submission in submissions], "dryRun": dry_run, "wait": wait}
        return document("POST", "/api/records/batch", json=body, timeout=None)

    @endpoint
    def change_all(
        self, versions: Mapping[str, int | None], changes: Mapping[str, Any], *, dry_run: bool = False
    ) -> Call[dict[str, Any]]:
        """Change several assets (IRI → the version that was looked at; None: the newest) in the same way: see
        ``POST /api/records/changes``."""
        assets = [{"iri": iri, "version": version} for iri, version in versions.items()]
        return document(
            "POST", "/api/records/changes", json={**changes, "assets": assets, "dryRun": dry_run}, timeout=None
        )

    @endpoint
    def erase(self, iri: str, *, reason: str, versions: Sequence[int] | None = None) -> Call[dict[str, Any]]:
        """Erase versions of an asset for good, here and at the nodes that follow this one; without ``versions`` all
        of them, which withdraws the asset too. See ``POST /api/erasures``."""
        body = {"iri": iri, "reason": reason, **({"versions": list(versions)} if versions is not None else {})}
        return document("POST", "/api/erasures", json=body)

    @endpoint
    def withdraw(self, iri: str, *, reason: str = "") -> Call[dict[str, Any]]:
        """Take an asset out of the catalogue; its versions stay in the ledger."""
        params = {"iri": iri, **({"reason": reason} if reason else {})}
        return document("DELETE", "/api/records", params=params)


def _announce(name: str, size: int, mark: str) -> Call[str]:
    """Return the call that begins an upload; its value is the id."""
    texts = {"filename": name, "fingerprint": mark}
    metadata = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in texts.items())
    headers = {**_TUS, "Upload-Length": str(size), "Upload-Metadata": metadata}
    return Call(
        "POST", "/api/uploads", lambda answer: answer.headers["Location"].rpartition("/")[2], {"headers": headers}
    )


def _piece(upload_id: str, offset: int, data: bytes) -> Call[int]:
    """Return the call that sends a piece; its value is the number of bytes that have arrived."""
    headers = {
        **_TUS,
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": str(offset),
        "Upload-Checksum": f"sha256 {base64.b64encode(hashlib.sha256(data).digest()).decode()}",
    }
    options = {"headers": headers, "content": data, "timeout": None}
    return Call("PATCH", f"/api/uploads/{upload_id}", lambda answer: int(answer.headers["Upload-Offset"]), options)
