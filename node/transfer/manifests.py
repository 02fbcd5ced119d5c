"""Read the manifest that a provider has signed for us, and check its signer and its subject."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput, Unauthenticated
from node.exchange.manifest import Manifest, ManifestInvalid, signing_key_id, verify_manifest
from node.exchange.sealkeys import read_recipient
from node.identity.ports import KeyRing, Unsealer
from node.semantics.conversions import Wish
from node.transfer.model import Transfer
from node.vocab.versions import LAST_VERSION

_REPORT: Final = "report it to the provider"

KeyOf = Callable[[str, str], Awaitable[dict[str, Any]]]
"""(DID, key id) → the public JWK that the DID document lists under ``assertionMethod``."""


async def read_manifest(jws: str, transfer: Transfer, keyring: KeyRing, key_of: KeyOf) -> Manifest:
    """Return the manifest that the provider of ``transfer`` has signed for us. Raises ``ManifestInvalid`` if it is
    not the provider's or states an impossible version, ``InvalidInput`` if it is about something else, such as
    another file than the one that was asked for, or the bytes are sealed for another key."""
    try:
        key = await key_of(transfer.peer, signing_key_id(jws))
    except Unauthenticated as error:
        raise ManifestInvalid(f"the manifest's key is not the provider's: {error.detail}") from error
    manifest = verify_manifest(jws, key)
    manifest.expect(
        agreement=transfer.agreement,
        provider=transfer.peer,
        consumer=keyring.did,
        asset=transfer.dataset,
        transfer=transfer.peer_pid or "",
    )
    # Only here: receipts of earlier releases, which may state any number, stay readable.
    if not 0 < manifest.version <= LAST_VERSION:
        raise ManifestInvalid("the manifest's «version» is not the number of a version", remedy=_REPORT)
    if transfer.asset_version not in (None, manifest.version):
        raise InvalidInput(
            f"the provider sends version {manifest.version} of the asset, and version {transfer.asset_version} was "
            "requested"
        )
    conversion = manifest.conversion["to"] if manifest.conversion is not None else None
    if conversion != transfer.wish:
        raise InvalidInput(
            f"{transfer.wish} was requested, and the provider sends {conversion or 'the file as it is'}",
            remedy="the provider may not know conversions: get the file as it is, without a format"
            if transfer.wish
            else _REPORT,
        )
    _require_steps(manifest.conversion, transfer.wish)
    if transfer.file not in (None, manifest.source[1]):
        raise InvalidInput("the provider sends another file than the one that was requested", remedy=_REPORT)
    if manifest.sealed and opener_of(keyring, manifest) is None:
        raise InvalidInput("the bytes are sealed for another key than ours")
    return manifest


def _require_steps(conversion: Mapping[str, Any] | None, wish: str | None) -> None:
    """Raise ``InvalidInput`` unless the data went through the transformations that were asked for."""
    request = Wish.read(wish) if wish else None
    steps = tuple(step["transformation"] for step in (conversion or {}).get("steps", ()))
    if request is None or not request.is_transformed:
        as_requested = not steps
    else:
        as_requested = steps == request.through if request.through else bool(steps)
    if not as_requested:
        raise InvalidInput(
            f"{wish} was requested, and the data went through {', '.join(steps) or 'no transformation'}",
            remedy=_REPORT,
        )


def opener_of(keyring: KeyRing, manifest: Manifest) -> Unsealer | None:
    """Return our present or former sealing key that the bytes are sealed for; None if the key is not ours."""
    if manifest.sealed is None:
        return None
    return keyring.sealed_to(read_recipient(manifest.sealed.recipient))
