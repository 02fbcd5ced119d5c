"""``hansa verify``: a ledger in its folder, a received file with its manifest, an agreement at the other party."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.base.errors import HansaError, InvalidInput
from node.client import HansaClient

MANIFEST = ".manifest.jws"


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result."""

    what: str
    sound: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks; the report is sound if every check is."""

    checks: tuple[Check, ...]

    @property
    def sound(self) -> bool:
        return all(check.sound for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {
            "sound": self.sound,
            "checks": [{"what": check.what, "sound": check.sound, "detail": check.detail} for check in self.checks],
        }


def verify_folder(folder: Path) -> Report:
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
    return Report(tuple(Check(one["what"], one["sound"], one["detail"]) for one in checks))


def verify_file(path: Path) -> Report:
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
    checks = [
        Check("the size matches the signature", size == manifest.size, f"{size} of {manifest.size} bytes"),
        Check(
            "the content matches the signature",
            digest.hexdigest() == manifest.sha256,
            f"sha256 {manifest.sha256[:16]}…",
        ),
        _signed(jws, manifest.provider),
    ]
    return Report(tuple(checks))


def _signed(jws: str, provider: str) -> Check:
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

    what = f"the manifest is signed by {provider}"
    try:
        document = check_document(provider, asyncio.run(fetch()))
        # Only the manifest states when it was made, and nothing here shows when it was received: a key that was
        # retired later counts for its period, and a revoked key for nothing after the moment of revocation.
        then = document_at(document, read_kept(jws).issued)
        verify_manifest(jws, key_for(then, signing_key_id(jws), "assertionMethod"))
    except HansaError as error:
        return Check(what, False, error.detail)
    return Check(what, True)


def verify_agreement(client: HansaClient, agreement_id: str) -> Report:
    """Let the running node check an agreement here and at the other party."""
    found = client.verify(agreement=agreement_id)
    return Report(tuple(Check(check["what"], check["sound"], check["detail"]) for check in found["checks"]))
