"""The signed head of a feed's chain: what lets a follower notice that a feed goes back or stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.catalogue.envelope import open_typed, signer
from node.identity.jose import verify_jws
from node.identity.ports import KeyRing

TYPE: Final = "hansa-feed+jws"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a node states of one of its chains: how many members it has had, in which epoch, at which moment."""

    origin: str
    audience: str
    epoch: int
    size: int
    at: datetime


def seal_head(keyring: KeyRing, head: Head) -> str:
    """``head`` as compact JWS."""
    return keyring.sign_jws(
        {"typ": TYPE},
        canonical(
            {
                "origin": head.origin,
                "audience": head.audience,
                "epoch": head.epoch,
                "size": head.size,
                "at": stamp(head.at),
            }
        ),
    )


def head_key(jws: str) -> str:
    """The ``kid`` of a head, unverified: which key to fetch before ``open_head``. Raises ``InvalidInput``."""
    return signer(open_typed(jws, TYPE))


def open_head(jws: str, key_jwk: Mapping[str, Any]) -> Head:
    """The head in ``jws``, once its signature holds and its origin is the signer. Raises ``InvalidInput``."""
    opened = open_typed(jws, TYPE)
    verify_jws(opened, dict(key_jwk))
    claims = opened.claims()
    texts = [claims.get(name) for name in ("origin", "audience", "at")]
    numbers = [claims.get(name) for name in ("epoch", "size")]
    right = all(isinstance(text, str) for text in texts) and all(
        isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers
    )
    if not right or opened.kid_did != claims["origin"]:
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
    )
