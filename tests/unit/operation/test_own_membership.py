"""OwnMembership: credentials with their status, as far as their issuers answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from node.identity.credentials.wallet import Wallet
from node.identity.model import Credential, Rejection
from node.operation.region import membership
from node.operation.region.membership import OwnMembership

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def credential(name: str) -> Credential:
    return Credential(
        id=f"urn:{name}",
        types=("MembershipCredential",),
        issuer=f"did:web:{name}.example",
        subject="did:web:ghent.example",
        valid_from=NOW,
        valid_until=None,
    )


class HalfSilentWallet:
    """One issuer never answers."""

    def __init__(self, *names: str) -> None:
        self.cancelled: list[str] = []
        self._credentials = [credential(name) for name in names]

    async def credentials(self) -> Sequence[Credential]:
        return self._credentials

    async def check(self, known: Credential) -> Credential | Rejection:
        if known.id == "urn:silent":
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.append(known.id)
        if known.id == "urn:revoking":
            return Rejection.of(known, "it was revoked by its issuer", since=NOW, status="revoked")
        return known

    async def check_status(self) -> list[Credential | Rejection]:
        return [await self.check(known) for known in self._credentials]


@pytest.mark.parametrize("names", [("silent", "quick", "revoking"), ("quick", "revoking"), ()])
def test_a_silent_issuer_hides_only_its_own_answer(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "PATIENCE", 0.2)
    wallet, unused = HalfSilentWallet(*names), cast(Any, None)
    own = OwnMembership(uow=unused, identity=unused, wallet=cast(Wallet, wallet), allegiance=unused, names=dict)
    states = {one.credential.id: one.state for one in asyncio.run(own.credentials())}
    expected = {"urn:silent": "unknown", "urn:quick": "valid", "urn:revoking": "revoked"}
    assert states == {f"urn:{name}": expected[f"urn:{name}"] for name in names}
    assert wallet.cancelled == [f"urn:{name}" for name in names if name == "silent"]
