"""Documents that everybody may request before knowing a node: its DID document, and the protocols that it
supports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from node.vocab.dsp import VERSIONS, DspVersion

_CACHE = {"Cache-Control": "public, max-age=60", "Access-Control-Allow-Origin": "*"}


def routes(
    document: Callable[[], dict[str, Any]],
    *,
    has_path: bool = False,
    versions: Sequence[DspVersion] = tuple(VERSIONS.values()),
) -> list[Route]:
    """Return the routes; ``document`` returns the DID document. A node whose public URL has a path serves it without
    ``/.well-known`` (did:web §Read)."""

    async def did_json(_: Request) -> Response:
        return JSONResponse(document(), media_type="application/did+ld+json", headers=_CACHE)

    async def dspace_version(_: Request) -> Response:
        """VersionResponse (DSP 2025-1 §4.3.1)."""
        entries = [{"version": version.name, "path": version.path, "binding": "HTTPS"} for version in versions]
        return JSONResponse({"protocolVersions": entries}, headers=_CACHE)

    return [
        Route("/did.json" if has_path else "/.well-known/did.json", did_json, methods=["GET"]),
        Route("/.well-known/dspace-version", dspace_version, methods=["GET"]),
    ]
