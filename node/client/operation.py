"""Operating a node, from the caller's side: decisions, membership, proof, deliveries and accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from node.client.calls import Call, content, document, endpoint, nothing, rows


class OperationCalls:
    """The part of a client that is about operating the node."""

    @endpoint
    def decisions(self) -> Call[list[dict[str, Any]]]:
        """Return the requests that wait for a person's decision."""
        return rows("GET", "/api/decisions")

    @endpoint
    def decide(self, decision_id: str, *, approve: bool, reason: str | None = None) -> Call[dict[str, Any]]:
        """Approve or reject such a request."""
        body = {"approve": approve, "reason": reason}
        return document("POST", f"/api/decisions/{quote(decision_id, safe='')}", json=body)

    @endpoint
    def join(self, region: str, credential_type: str, rulebook: str | None = None) -> Call[dict[str, Any]]:
        """Ask a region for a credential. ``rulebook`` is the SHA-256 of the version that you accept (empty: the
        region has none); without it, the newest version is accepted."""
        body = {"region": region, "credentialType": credential_type}
        return document("POST", "/api/join", json={**body, **({} if rulebook is None else {"rulebook": rulebook})})

    @endpoint
    def region_terms(self, region: str) -> Call[dict[str, Any]]:
        """Return the rulebook of a region with its text, and the credentials that it issues."""
        return document("GET", "/api/join", params={"region": region})

    @endpoint
    def foresee_leave(self, issuer: str = "") -> Call[dict[str, Any]]:
        """Return what changes when this node leaves its region, or gives up the credentials of ``issuer``."""
        return document("GET", "/api/region/leave", params={"issuer": issuer})

    @endpoint
    def leave(self, reason: str, issuer: str = "") -> Call[dict[str, Any]]:
        """Leave the region of this node, or give up the credentials of ``issuer``. Agreements stay."""
        return document("POST", "/api/region/leave", json={"issuer": issuer, "reason": reason})

    @endpoint
    def memberships(self) -> Call[dict[str, Any]]:
        """Return our requests for credentials, and the credentials that we hold."""
        return document("GET", "/api/memberships")

    @endpoint
    def issued_credentials(self) -> Call[list[dict[str, Any]]]:
        """Return the credentials that this node issued."""
        return rows("GET", "/api/issued")

    @endpoint
    def revoke(self, credential_id: str, reason: str) -> Call[dict[str, Any]]:
        """Revoke a credential that this node issued."""
        return document("POST", f"/api/issued/{quote(credential_id, safe='')}/revoke", json={"reason": reason})

    @endpoint
    def suspend(self, credential_id: str, reason: str) -> Call[dict[str, Any]]:
        """Suspend a credential that this node issued, until it is reinstated."""
        return document("POST", f"/api/issued/{quote(credential_id, safe='')}/suspend", json={"reason": reason})

    @endpoint
    def reinstate(self, credential_id: str) -> Call[dict[str, Any]]:
        """Let a suspended credential that this node issued count again."""
        return document("POST", f"/api/issued/{quote(credential_id, safe='')}/reinstate")

    @endpoint
    def members(self) -> Call[list[dict[str, Any]]]:
        """Return the nodes that this node follows."""
        return rows("GET", "/api/members")

    @endpoint
    def follow(self, url: str, *, wait: int = 0) -> Call[dict[str, Any]]:
        """Follow a node's feed. ``wait``: the seconds to wait until it was read to the end; ``current`` says whether
        it was."""
        return document("POST", "/api/members", json={"url": url}, params={"wait": wait} if wait else None)

    @endpoint
    def blocks(self) -> Call[list[dict[str, Any]]]:
        """Return the participants that this node blocks."""
        return rows("GET", "/api/blocks")

    @endpoint
    def place(self) -> Call[dict[str, Any]]:
        """Return the place that this node states (``place``: name, longitude and latitude, or None)."""
        return document("GET", "/api/place")

    @endpoint
    def state_place(
        self, name: str, *, longitude: float | None = None, latitude: float | None = None
    ) -> Call[dict[str, Any]]:
        """State where this node is; without degrees, the node looks the name up."""
        return document("PUT", "/api/place", json={"name": name, "longitude": longitude, "latitude": latitude})

    @endpoint
    def withdraw_place(self) -> Call[dict[str, Any]]:
        """State no place any more."""
        return document("DELETE", "/api/place")

    @endpoint
    def rulebook(self, language: str = "") -> Call[dict[str, Any]]:
        """Return the newest version of this region's rulebook: its text and particulars."""
        return document("GET", "/api/rulebook", params={"lang": language})

    @endpoint
    def change_rulebook(
        self, fields: Mapping[str, str], *, follows: int, language: str = "en", dry_run: bool = False
    ) -> Call[dict[str, Any]]:
        """Publish the next version of the rulebook, with these fields in place of those of version ``follows``; with
        ``dry_run``, only return what changes and who must accept it."""
        body = {"fields": dict(fields), "follows": follows, "language": language, "dryRun": dry_run}
        return document("PUT", "/api/rulebook", json=body)

    @endpoint
    def region_templates(self) -> Call[dict[str, Any]]:
        """Return the templates of conditions that the region of this node offers."""
        return document("GET", "/api/region/templates")

    @endpoint
    def publish_region_template(
        self, name: str, template: Mapping[str, Any], *, follows: int | None = None
    ) -> Call[dict[str, Any]]:
        """Offer a template (label, explanation, conditions) to the members of this region; return the list."""
        body = {**template, **({} if follows is None else {"follows": follows})}
        return document("PUT", f"/api/region/templates/{quote(name, safe='')}", json=body)

    @endpoint
    def withdraw_region_template(self, name: str, *, follows: int | None = None) -> Call[dict[str, Any]]:
        """Offer a template no more; return the list."""
        params = {} if follows is None else {"follows": follows}
        return document("DELETE", f"/api/region/templates/{quote(name, safe='')}", params=params)

    @endpoint
    def rulebook_acceptances(self) -> Call[dict[str, Any]]:
        """Return which member accepted which version of this region's rulebook."""
        return document("GET", "/api/rulebook/acceptances")

    @endpoint
    def participant_status(self, did: str) -> Call[dict[str, Any]]:
        """Return the block of a participant, and the agreements and transfers that a block stops."""
        return document("GET", f"/api/blocks/{quote(did, safe='')}")

    @endpoint
    def block(self, did: str, reason: str) -> Call[dict[str, Any]]:
        """Block a participant."""
        return document("POST", "/api/blocks", json={"did": did, "reason": reason})

    @endpoint
    def unblock(self, did: str) -> Call[dict[str, Any]]:
        """Unblock a participant."""
        return document("DELETE", f"/api/blocks/{quote(did, safe='')}")

    @endpoint
    def verify(self, peer: str | None = None, *, agreement: str | None = None) -> Call[dict[str, Any]]:
        """Let the node check its ledger, or a peer's proofs for an agreement."""
        body = {name: value for name, value in (("peer", peer), ("agreement", agreement)) if value}
        return document("POST", "/api/verify", json=body)

    @endpoint
    def agenda(self) -> Call[dict[str, Any]]:
        """Return what waits for you, ends soon, or does not work."""
        return document("GET", "/api/agenda")

    @endpoint
    def checks(self) -> Call[list[dict[str, Any]]]:
        """Return the checks that the running node makes of itself, faults first."""
        return rows("GET", "/api/checks")

    @endpoint
    def consumption(self) -> Call[dict[str, Any]]:
        """Return the work that callers made in the last day: ``since``, and ``groups`` with their figures."""
        return document("GET", "/api/consumption")

    @endpoint
    def settings(self) -> Call[list[dict[str, Any]]]:
        """Return the settings in force and where they come from."""
        return rows("GET", "/api/settings")

    @endpoint
    def storage(self, *, after: str = "") -> Call[dict[str, Any]]:
        """Return the use of the disk: places, backups, and the assets after ``after``."""
        return document("GET", "/api/storage", params={"after": after} if after else {})

    @endpoint
    def audit(
        self, criteria: Mapping[str, str] | None = None, *, before: int | None = None, limit: int = 50
    ) -> Call[dict[str, Any]]:
        """Return entries of the ledger, newest first. ``criteria`` may have kind, subject, by, since and until."""
        params = {**(criteria or {}), "limit": limit, **({} if before is None else {"before": before})}
        return document("GET", "/api/audit", params=params)

    @endpoint
    def signed_audit(self, criteria: Mapping[str, str] | None = None) -> Call[bytes]:
        """Return the newest fifty thousand entries of the ledger as JSON lines; the last line is the node's
        signature. ``criteria`` as for ``audit``."""
        return content("GET", "/api/audit/signed", params=dict(criteria or {}))

    @endpoint
    def deliveries(self) -> Call[dict[str, Any]]:
        """Return the messages that are being delivered, and those that were given up."""
        return document("GET", "/api/deliveries")

    @endpoint
    def retry(self, task_id: str) -> Call[dict[str, Any]]:
        """Try a dead letter again."""
        return document("POST", f"/api/deliveries/{quote(task_id, safe='')}/retry")

    @endpoint
    def give_up(self, task_id: str) -> Call[dict[str, Any]]:
        """Never try a dead letter again; processes that wait for it end."""
        return document("POST", f"/api/deliveries/{quote(task_id, safe='')}/give-up")

    @endpoint
    def accounts(self) -> Call[list[dict[str, Any]]]:
        """Return the user accounts of this node."""
        return rows("GET", "/api/accounts")

    @endpoint
    def add_account(self, login: str, name: str, roles: Sequence[str], password: str) -> Call[dict[str, Any]]:
        """Create or change a user account."""
        body = {"login": login, "name": name, "roles": list(roles), "password": password}
        return document("POST", "/api/accounts", json=body)

    @endpoint
    def set_password(
        self, login: str, password: str, *, old: str | None = None, keep_tokens: bool = False
    ) -> Call[None]:
        """Change a password; the caller's own requires ``old``. Its API tokens end unless ``keep_tokens``."""
        body = {"password": password, "keepTokens": keep_tokens, **({} if old is None else {"old": old})}
        return nothing("PUT", f"/api/accounts/{quote(login, safe='')}/password", json=body)

    @endpoint
    def tokens(self, *, everybody: bool = False) -> Call[list[dict[str, Any]]]:
        """Return the caller's API tokens, or as operator those of everybody."""
        return rows("GET", "/api/tokens", params={"all": True} if everybody else {})

    @endpoint
    def revoke_token(self, sha256: str) -> Call[dict[str, Any]]:
        """End an API token."""
        return document("DELETE", f"/api/tokens/{quote(sha256, safe='')}")
