"""The node that publishes an asset, derived from the asset's address."""

from __future__ import annotations

from node.base.errors import InvalidInput
from node.identity.did import did_of
from node.semantics.kinds import KINDS


def provider_of(iri: str) -> str:
    """Return the DID of the node that mints such IRIs: its address is everything before ``/{plural}/{slug}``.

    Raises ``InvalidInput`` if ``iri`` is not an IRI of a Hansa asset.
    """
    base, _, _ = iri.rpartition("/")
    base, _, plural = base.rpartition("/")
    if not base.startswith(("http://", "https://")) or plural not in {kind.plural for kind in KINDS.values()}:
        raise InvalidInput(
            f"{iri[:200]} is not the address of an asset",
            remedy="give the asset's address as in the catalogue, such as https://…/datasets/…",
        )
    return did_of(base)
