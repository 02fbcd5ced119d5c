"""``hansa verify``: a ledger in its folder, a received file with its manifest, an agreement at the other party."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from node.base.errors import HansaError, InvalidInput
from node.client import HansaClient

MANIFEST = ".manifest.jws"


Checks = list[dict[str, Any]]
"""As the API states checks: ``[{what, sound, detail}]``, in English."""


def verify_folder(folder: Path) -> Checks:
    """Hash a node's ledger again and compare it with the signed checkpoints. The node may be running."""
    from node.bootstrap.parts import log_keys_of, open_keys, open_stores
    from node.ledger.verification import ledger_checks
    from node.settings import load

    settings = load(folder)
    stores = open_stores(settings)
    try:
        checks = ledger_checks(stores.uow, stores.ledger, log_keys_of(open_keys(settings)))
    finally:
        stores.uow.close()
    return [check.to_json() for check in checks]


def verify_file(path: Path) -> Checks:
    """Compare a received file with the manifest beside it, and the manifest with its signer's published key."""
    from node.exchange.manifest import read_kept

    manifest_file = path.with_name(path.name + MANIFEST)
    if not manifest_file.is_file():
        raise InvalidInput(f"there is no manifest next to {path.name}", remedy=f"it should be {manifest_file.name}")
    jws = manifest_file.read_text("ascii").strip()
    manifest = read_kept(jws)
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
            size += len(piece)
    same = digest.hexdigest() == manifest.sha256
    return [
        _check("The size matches the signature", size == manifest.size, f"{size} of {manifest.size} bytes"),
        _check("The content matches the signature", same, f"sha256 {manifest.sha256[:16]}…"),
        _check_signature(jws, manifest.provider),
    ]


def _check(what: str, sound: bool, detail: str = "") -> dict[str, Any]:
    return {"what": what, "sound": sound, "detail": detail}


def _check_signature(jws: str, provider: str) -> dict[str, Any]:
    """Check the manifest's signature with the key in the provider's DID document, which is fetched now."""
    import asyncio

    from node.adapters.egress import Egress
    from node.exchange.manifest import read_kept, signing_key_id, verify_manifest
    from node.identity.did import check_document, document_url
    from node.identity.documents import key_for
    from node.identity.periods import document_at

    async def fetch() -> Any:
        async with Egress(allow_loopback=True) as egress:
            answer = await egress.request("GET", document_url(provider, allow_loopback_http=True), timeout=10)
            return answer.json()

    what = f"The manifest is signed by {provider}"
    try:
        document = check_document(provider, asyncio.run(fetch()))
        # Only the manifest states when it was made, and nothing here shows when it was received: a key that was
        # retired later counts for its period, and a revoked key for nothing after the moment of revocation.
        then = document_at(document, read_kept(jws).issued)
        verify_manifest(jws, key_for(then, signing_key_id(jws), "assertionMethod"))
    except HansaError as error:
        return _check(what, False, error.detail)
    return _check(what, True)


def verify_agreement(client: HansaClient, agreement_id: str) -> Checks:
    """Let the running node check an agreement here and at the other party."""
    checks: Checks = client.verify(agreement=agreement_id)["checks"]
    return checks
