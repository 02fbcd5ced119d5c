"""Join a region: read and accept its rulebook, trust its credentials, and apply for one of our own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from anyio.to_thread import run_sync

from node.base.errors import PeerUnreachable
from node.base.jsons import canonical, read_object
from node.base.work import UnitOfWork
from node.identity.credentials.membership import Accession, RequestCredential
from node.identity.credentials.trust import TrustList
from node.identity.did import did_of
from node.identity.model import Caller
from node.identity.ports import Notes
from node.identity.roles import UseCase, require

REGION = "region"
TRUST = "trust"
RULEBOOK = "rulebook"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentApplication:
    """An application that was sent: the issuer, our id of the application, and the region's rulebook."""

    issuer: str
    holder_pid: str
    rulebook: Mapping[str, Any] | None


class Allegiance:
    """The rulebook and the issuers of credentials that count here: from the settings and from the joined region.

    The result of joining is kept in the database; ``load`` reads it at start.
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
        """``own`` is the DID of this node if it admits members itself."""
        self._own = own
        self._uow = uow
        self._notes = notes
        self._trust = trust
        self._settings = dict(settings)
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
        """Read the stored result of an earlier ``settle``."""
        with self._uow.read() as tx:
            region, trust, rulebook = (self._notes.get(tx, key) for key in (REGION, TRUST, RULEBOOK))
        self.region = region or self.region
        self.rulebook = read_object(rulebook) if rulebook else None
        joined = read_object(trust) if trust else {}
        self._trust.replace(_merge(self._settings, joined))

    def settle(self, region: str, types: tuple[str, ...], rulebook: Mapping[str, Any] | None) -> None:
        """Trust the region's credentials of these types from now on, and put its rulebook into force here."""
        regions = dict.fromkeys(types, (region,))
        with self._uow.begin() as tx:
            self._notes.put(tx, REGION, region)
            self._notes.put(tx, TRUST, canonical(regions).decode())
            if rulebook is not None:
                self._notes.put(tx, RULEBOOK, canonical(rulebook).decode())
        self.region = region
        self.rulebook = dict(rulebook) if rulebook is not None else self.rulebook
        self._trust.replace(_merge(self._settings, regions))


GetJson = Callable[[str], Awaitable[dict[str, Any]]]
"""Reads a JSON document of another node through the node's guarded egress. Raises ``PeerUnreachable``."""


class Join:
    """Applies to a region for a credential."""

    def __init__(
        self,
        *,
        requests: RequestCredential,
        allegiance: Allegiance,
        get_json: GetJson,
        legal_name: str,
        contact: str,
        address: Callable[[str], str],
    ) -> None:
        self._requests = requests
        self._allegiance = allegiance
        self._get_json = get_json
        self._legal_name = legal_name
        self._contact = contact
        self._address = address

    async def join(self, region: str, credential_type: str, by: Caller) -> SentApplication:
        """Apply to ``region`` (its address or its DID) for a credential.

        Raises ``NotAllowed``, ``PeerUnreachable``, ``InvalidInput`` if the region does not issue such a credential,
        and ``Conflict`` if it refuses the application.
        """
        require(by, UseCase.JOIN)
        base = self._address(region) if region.startswith("did:") else region.rstrip("/")
        did = did_of(base)
        metadata = await self._get_json(f"{base}/issuer/metadata")
        if metadata.get("issuer") != did:
            raise PeerUnreachable(
                f"{base} does not answer as the issuer {did}",
                remedy="check the address of the region, and try again later",
            )
        types = tuple(
            str(entry["credentialType"])
            for entry in metadata.get("credentialsSupported", [])
            if isinstance(entry, dict) and isinstance(entry.get("credentialType"), str)
        )
        rulebook = await self._rulebook(base)
        accession = Accession(
            rulebook=str(rulebook["iri"]) if rulebook else "",
            version=str(rulebook["version"]) if rulebook else "",
            sha256=str(rulebook["sha256"]) if rulebook else "",
            legal_name=self._legal_name,
            contact=self._contact,
        )
        holder_pid = await self._requests.request(did, credential_type, accession)
        # Only now: a region that did not accept the application must not decide which issuers are trusted here.
        await run_sync(lambda: self._allegiance.settle(did, types, rulebook))
        return SentApplication(issuer=did, holder_pid=holder_pid, rulebook=rulebook)

    async def _rulebook(self, base: str) -> dict[str, Any] | None:
        """The region's newest rulebook, as its catalogue shows it to everybody."""
        answer = await self._get_json(
            f"{base}/api/catalogue/search?{urlencode({'kind': 'rulebook', 'sort': 'newest'})}"
        )
        hits = [hit for hit in answer.get("hits", []) if str(hit.get("iri", "")).startswith(f"{base}/")]
        if not hits:
            return None
        record = await self._get_json(f"{base}/api/catalogue/record?{urlencode({'iri': hits[0]['iri']})}")
        return {
            "iri": record["iri"],
            "version": record["version"],
            "sha256": record["sha256"],
            "publisher": str(record.get("publisherName") or ""),
        }


def _merge(settings: Mapping[str, tuple[str, ...]], regions: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    names = {*settings, *regions}
    return {name: tuple(dict.fromkeys((*settings.get(name, ()), *regions.get(name, ())))) for name in names}
