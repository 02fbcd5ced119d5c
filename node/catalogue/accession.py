"""Join a region: read and accept its rulebook, trust its credentials, and apply for one of our own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.base.errors import Conflict
from node.base.jsons import canonical, read_object
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.region.terms import ReadRegion
from node.identity.credentials.membership import Accession, RequestCredential
from node.identity.credentials.trust import TrustList
from node.identity.model import Caller
from node.identity.ports import Notes
from node.identity.roles import UseCase, require

REGION = "region"
TRUST = "trust"
RULEBOOK = "rulebook"
LOCK = "region lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentApplication:
    """An application that was sent: the issuer, our id of the application, and the region's rulebook."""

    issuer: str
    holder_pid: str
    rulebook: Mapping[str, Any] | None


class Allegiance:
    """The rulebook and the issuers of credentials that count here: from the settings and from the joined region.

    The result of joining is kept in the database; ``load`` reads it at start, after each change, and every second
    where other processes change it too.
    """

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        notes: Notes,
        trust: TrustList,
        settings: Mapping[str, tuple[str, ...]],
        region: str,
        own: str | None = None,
    ) -> None:
        """``settings`` are the issuers that count without joining, ``region`` the DID of a region that the settings
        name; ``own`` is the DID of this node if it admits members itself."""
        self._own = own
        self._loading = threading.Lock()
        self._uow = uow
        self._notes = notes
        self._trust = trust
        self._settings = dict(settings)
        self._configured = region
        self.region = region
        self.rulebook: dict[str, Any] | None = None

    @property
    def authority(self) -> str | None:
        """Return the DID of the region for conditions that name none: the joined one, else this node as a region."""
        return self.region or self._own

    def elsewhere(self, me: str) -> str | None:
        """Return the DID of the joined region, if it is a node other than ``me``."""
        return self.region if self.region and self.region != me else None

    @property
    def names(self) -> dict[str, str]:
        """DID → name of the participants in conditions, as far as they are known here."""
        name = str((self.rulebook or {}).get("publisher") or "")
        return {self.region: name} if self.region and name else {}

    def load(self) -> None:
        """Take over what is stored now: this process or another one has joined or left a region."""
        # One after the other: an earlier reading must not replace a later one.
        with self._loading:
            with self._uow.read() as tx:
                region, trust, rulebook = (self._notes.get(tx, key) for key in (REGION, TRUST, RULEBOOK))
            # An empty note: a person has left the region. Then that of the settings does not count either.
            self.region = self._configured if region is None else region
            self.rulebook = read_object(rulebook) if rulebook else None
            joined = read_object(trust) if trust else {}
            self._trust.replace(_merge(self._configured_trust(region), joined))

    @taken_in_turn
    def settle(
        self,
        region: str,
        types: tuple[str, ...],
        rulebook: Mapping[str, Any] | None,
        condition: Callable[[Transaction], None] = lambda tx: None,
    ) -> None:
        """Trust the region's credentials of these types from now on, and put its rulebook into force here.

        ``condition`` may refuse it in the same transaction, which no other change of the membership interrupts.
        Raises what it raises, and ``Conflict`` if this node belongs to another region.
        """
        with self._uow.begin() as tx:
            self.lock(tx)
            self._refuse_other(self.stored_region(tx), region)
            condition(tx)
            self._notes.put(tx, REGION, region)
            self._notes.put(tx, TRUST, canonical(dict.fromkeys(types, (region,))).decode())
            self._notes.put(tx, RULEBOOK, canonical(rulebook).decode() if rulebook is not None else "")
            tx.after_commit(self.load)

    def require_no_other(self, region: str) -> None:
        """Raise ``Conflict`` if this node belongs to another region than ``region``."""
        with self._uow.read() as tx:
            self._refuse_other(self.stored_region(tx), region)

    def _refuse_other(self, present: str, region: str) -> None:
        if present in ("", self._own, region):
            return
        raise Conflict(
            f"this node belongs to the region {present}, and a node belongs to one region at a time",
            remedy=f"leave it first: hansa leave --issuer {word(present)} --reason …",
            facts={"case": "other-region", "region": present},
        )

    def lock(self, tx: Transaction) -> None:
        """Let no other transaction end a membership until the end of this one. Reads after it see what others had
        changed before."""
        self._notes.put(tx, LOCK, "")

    def stored_region(self, tx: Transaction) -> str:
        """Return the DID of the region as it is stored now; empty without one."""
        region = self._notes.get(tx, REGION)
        return self._configured if region is None else region

    def end(self, tx: Transaction) -> None:
        """End the membership, in the caller's transaction: neither the region's credentials nor its rulebook count
        here from the commit on, also after a restart."""
        for key, value in ((REGION, ""), (TRUST, "{}"), (RULEBOOK, "")):
            self._notes.put(tx, key, value)
        tx.after_commit(self.load)

    def trust_without_region(self) -> dict[str, tuple[str, ...]]:
        """Return the issuers that will count for each credential type when the node has left its region."""
        return dict(self._configured_trust(""))

    def _configured_trust(self, region: str | None) -> Mapping[str, tuple[str, ...]]:
        """Return the issuers of the settings; without the region that they name if ``region`` is empty: a person has
        left it."""
        if region != "" or not self._configured:
            return self._settings
        return {name: tuple(did for did in dids if did != self._configured) for name, dids in self._settings.items()}


class Join:
    """Applies to a region for a credential."""

    def __init__(
        self,
        *,
        requests: RequestCredential,
        allegiance: Allegiance,
        region: ReadRegion,
        legal_name: str,
        contact: str,
    ) -> None:
        self._requests = requests
        self._allegiance = allegiance
        self._region = region
        self._legal_name = legal_name
        self._contact = contact

    async def join(
        self, region: str, credential_type: str, by: Caller, *, rulebook: str | None = None
    ) -> SentApplication:
        """Apply to ``region`` (its address or its DID) for a credential. ``rulebook`` is the hash of the version that
        the person has read and accepts, empty if there was none; without it, the newest version is accepted.

        Raises ``NotAllowed``, ``PeerUnreachable``, ``InvalidInput`` if the region does not issue such a credential,
        and ``Conflict`` if it refuses the application or has published another version of its rulebook, if this node
        belongs to another region, or if a person left the region meanwhile.
        """
        require(by, UseCase.JOIN)
        terms = await self._region.read(region)
        await run_sync(self._allegiance.require_no_other, terms.did)
        newest = terms.rulebook
        if rulebook is not None and rulebook != (newest.sha256 if newest else ""):
            raise Conflict(
                "the region has published another version of its rulebook in the meantime",
                remedy="read the new version, then apply again",
                facts={"case": "rulebook-changed", "version": newest.version if newest else ""},
            )
        accession = Accession(
            rulebook=newest.iri if newest else "",
            version=str(newest.version) if newest else "",
            sha256=newest.sha256 if newest else "",
            legal_name=self._legal_name,
            contact=self._contact,
        )
        holder_pid = await self._requests.request(terms.did, credential_type, accession)
        note = newest.note if newest else None
        # Only now: a region that did not accept the application must not decide which issuers are trusted here.
        await run_sync(
            lambda: self._allegiance.settle(
                terms.did,
                terms.credential_types,
                note,
                lambda tx: self._requests.require_not_withdrawn(tx, holder_pid),
            )
        )
        return SentApplication(issuer=terms.did, holder_pid=holder_pid, rulebook=note)


def _merge(settings: Mapping[str, tuple[str, ...]], regions: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    names = {*settings, *regions}
    return {name: tuple(dict.fromkeys((*settings.get(name, ()), *regions.get(name, ())))) for name in names}
