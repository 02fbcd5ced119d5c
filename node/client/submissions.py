"""Publishing, from the caller's side."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from node.client.calls import Call, Progress, document, endpoint


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
