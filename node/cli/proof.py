"""``hansa verify``: a ledger in its folder, a received file with its manifest, an exported audit trail, an
agreement at the other party."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
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
    """Compare a received file with the manifest beside it, and the manifest with its signer's published key; an audit
    trail with the signature in its last line."""
    from node.evidence.audit_file import is_audit_file
    from node.exchange.manifest import read_kept, signing_key_id, verify_manifest

    manifest_file = path.with_name(path.name + MANIFEST)
    if not manifest_file.is_file():
        if is_audit_file(path):
            return _verify_audit(path)
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
        _check_signature(
            f"The manifest is signed by {manifest.provider}",
            manifest.provider,
            signing_key_id(jws),
            manifest.issued,
            lambda key: verify_manifest(jws, key),
        ),
    ]


def _check(what: str, sound: bool, detail: str = "") -> dict[str, Any]:
    return {"what": what, "sound": sound, "detail": detail}


def _verify_audit(path: Path) -> Checks:
    """Compare the lines of an audit trail with the signed statement, and the signature with the node's published
    key."""
    from node.evidence.audit_file import read_audit_file, verify_signature

    file = read_audit_file(path)
    statement = file.statement
    criteria = "".join(f" {name}={text}" for name, text in statement.criteria.items()) or " everything"
    part = "" if statement.complete else ", and older ones were left out"
    return [
        _check(
            "The entries match the signature",
            (file.sha256, file.entries) == (statement.sha256, statement.entries),
            f"{statement.entries} entries of {statement.at:%Y-%m-%d %H:%M:%S} UTC{part};{criteria}",
        ),
        _check_signature(
            f"The audit trail is signed by {statement.node}",
            statement.node,
            file.key,
            statement.at,
            lambda key: verify_signature(file, key),
        ),
    ]


def _check_signature(
    what: str, signer: str, key_id: str, at: datetime, verify: Callable[[Mapping[str, Any]], object]
) -> dict[str, Any]:
    """Check a signature of the moment ``at`` with ``key_id`` in the signer's DID document, which is fetched now."""
    import asyncio

    from node.adapters.egress import Egress
    from node.identity.did import check_document, document_url
    from node.identity.documents import key_for
    from node.identity.periods import document_at

    async def fetch() -> Any:
        async with Egress(allow_loopback=True) as egress:
            answer = await egress.request("GET", document_url(signer, allow_loopback_http=True), timeout=10)
            return answer.json()

    try:
        document = check_document(signer, asyncio.run(fetch()))
        # Only what is signed states when it was made, and nothing here shows when it was received: a key that was
        # retired later counts for its period, and a revoked key for nothing after the moment of revocation.
        verify(key_for(document_at(document, at), key_id, "assertionMethod"))
    except HansaError as error:
        return _check(what, False, error.detail)
    return _check(what, True)


def verify_agreement(client: HansaClient, agreement_id: str) -> Checks:
    """Let the running node check an agreement here and at the other party."""
    checks: Checks = client.verify(agreement=agreement_id)["checks"]
    return checks
