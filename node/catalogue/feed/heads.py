"""The signed head of a feed's chain: the length of the chain, and the root of the tree over its members.

Two heads of one chain and epoch with the same size and different roots are two histories, signed by one node. After
a restore from a backup, every later head of the node states the size at the beginning of each epoch (``restarts``).
Heads of older nodes have no root; they state only the length of the chain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.catalogue.envelope import open_typed, signer
from node.catalogue.feed.commitment import hash_text
from node.identity.jose import verify_jws
from node.identity.ports import KeyRing
from node.ledger.proofs import read_hash

TYPE: Final = "hansa-feed+jws"

MAX_RESTARTS: Final = 1_000
"""The number of restarts that a head may name; a node is not restored more often."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A restore: ``epoch`` began with the first ``size`` members of the earlier chain, with this ``root``."""

    epoch: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The state of one chain of a node at one moment: epoch, number of members, root of their tree.

    ``root`` is None in heads of older nodes, which do not commit to the content.
    """

    origin: str
    audience: str
    epoch: int
    size: int
    at: datetime
    root: bytes | None = None
    restarts: tuple[Restart, ...] = ()

    def kept_since(self, epoch: int) -> int | None:
        """Return how many members that the chain had in ``epoch`` are still in it; None if the head lacks that."""
        later = {restart.epoch: restart.size for restart in self.restarts if restart.epoch > epoch}
        if self.epoch <= epoch or set(later) != set(range(epoch + 1, self.epoch + 1)):
            return None
        return min(later.values())


def seal_head(keyring: KeyRing, head: Head) -> str:
    """Return ``head`` as a signed compact JWS."""
    return keyring.sign_jws(
        {"typ": TYPE},
        canonical(
            {
                "origin": head.origin,
                "audience": head.audience,
                "epoch": head.epoch,
                "size": head.size,
                "at": stamp(head.at),
                **({} if head.root is None else {"root": hash_text(head.root)}),
                **({"restarts": [_restart_json(restart) for restart in head.restarts]} if head.restarts else {}),
            }
        ),
    )


def head_key(jws: str) -> str:
    """Return the unverified ``kid`` of a head: the key to fetch before ``open_head``. Raises ``InvalidInput``."""
    return signer(open_typed(jws, TYPE))


def open_head(jws: str, key_jwk: Mapping[str, Any]) -> Head:
    """Return the head in ``jws``. Raises ``InvalidInput`` unless its signature is valid and its origin signed it."""
    head_jws = open_typed(jws, TYPE)
    verify_jws(head_jws, dict(key_jwk))
    claims = head_jws.claims()
    texts = [claims.get(name) for name in ("origin", "audience", "at")]
    numbers = [claims.get(name) for name in ("epoch", "size")]
    right = all(isinstance(text, str) for text in texts) and all(
        isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers
    )
    if not right or head_jws.kid_did != claims["origin"]:
        raise InvalidInput("the head of the feed is malformed, or signed by somebody else")
    try:
        at = moment(claims["at"])
    except ValueError as error:
        raise InvalidInput("the head of the feed has no readable moment") from error
    return Head(
        origin=claims["origin"],
        audience=claims["audience"],
        epoch=claims["epoch"],
        size=claims["size"],
        at=at,
        root=read_hash(claims["root"]) if "root" in claims else None,
        restarts=_restarts(claims.get("restarts", []), claims["epoch"], claims["size"]),
    )


def _restart_json(restart: Restart) -> dict[str, Any]:
    return {"epoch": restart.epoch, "size": restart.size, "root": hash_text(restart.root)}


def _restarts(members: Any, epoch: int, size: int) -> tuple[Restart, ...]:
    wrong = InvalidInput("the restarts in the head of the feed cannot be read")
    if not isinstance(members, list) or len(members) > MAX_RESTARTS:
        raise wrong
    restarts = []
    for member in members:
        numbers = [member.get(name) for name in ("epoch", "size")] if isinstance(member, dict) else [None]
        if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
            raise wrong
        restarts.append(Restart(member["epoch"], member["size"], read_hash(member.get("root"))))
    if not all(1 <= restart.epoch <= epoch and 0 <= restart.size <= size for restart in restarts):
        raise wrong
    return tuple(restarts)
