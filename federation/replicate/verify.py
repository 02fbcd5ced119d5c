"""Verifies that the origin of a member really states it. Pure: text, keys and names in, the record out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from federation.replicate.pages import MemberText
from node.api import (
    INTERNAL,
    PLURALS,
    InvalidInput,
    Record,
    check_audience,
    check_file_name,
    check_record_iri,
    check_statements,
    open_record,
)

AHEAD = timedelta(minutes=10)
"""The time by which another node's clock may be ahead of ours."""


def verify_member(
    member: MemberText,
    *,
    key_jwk: Mapping[str, Any],
    did: str,
    base: str,
    audience: str,
    others: Sequence[str],
    now: datetime,
) -> Record:
    """Return the record in ``member``, if the node ``did`` at ``base`` really states it.

    1. The member could be read at all, and its envelope opens with ``key_jwk``: signature, hash, form.
    2. Its origin is the node that is followed: no node may state records of others.
    3. What the page says of the member agrees with what is signed: IRI, asset, hash.
    4. The IRI lies with the origin and is one of a kind known here; names are usable.
    5. It belongs to the chain it stands in, and is not for the origin's own people only.
    6. Its statements are about its own asset and the world, not about what ``others`` answer for.
    7. It is not from the future.

    Raises ``InvalidInput`` with the reason.
    """
    if member.trouble:  # 1
        raise InvalidInput(member.trouble)
    if not member.envelope:
        raise InvalidInput("the member does not have a signed envelope")
    record = open_record(member.envelope, member.nquads, key_jwk)
    if record.origin != did:  # 2
        raise InvalidInput(f"the record belongs to {record.origin}, not to the followed node")
    if member.iri != record.version_iri or member.version_of != record.iri or member.sha256 != record.sha256:  # 3
        raise InvalidInput("the page and the signed envelope of the member differ")
    if record.kind not in PLURALS:  # 4
        raise InvalidInput(f"{record.kind[:40]!r} is not a kind of asset that this node knows")
    check_record_iri(record.iri, base=base, plurals=PLURALS, kind=record.kind)
    for file in record.files:
        check_file_name(file.name)
    check_audience(record.audience)
    if record.audience == INTERNAL or record.audience != audience:  # 5
        raise InvalidInput("the member is in the chain of another audience")
    check_statements(record.nquads, iri=record.iri, base=base, others=others)  # 6
    if record.at > now + AHEAD:  # 7
        raise InvalidInput("the member's time is in the future")
    return record
