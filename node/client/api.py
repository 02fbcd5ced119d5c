"""A client of one node, synchronous, for programs and for the terminal."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx2

from node.base.errors import HansaError, PeerUnreachable
from node.base.plaintext import word
from node.client.catalogue import CatalogueCalls
from node.client.imports import ImportCalls
from node.client.keys import KeyCalls
from node.client.locate import NodeAddress, trust_of
from node.client.scenarios import Scenarios
from node.client.secondfactor import SecondFactorCalls

Progress = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all)."""

PIECE = 1 << 20


class Refusal(HansaError):
    """The node refused the request. ``problem`` is its RFC 9457 document."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or problem.get("title") or f"the node answered {status}"),
            remedy=str(problem.get("remedy") or ""),
            facts=dict(problem),
        )
        self.http_status = status
        self.problem = dict(problem)


class HansaClient(CatalogueCalls, SecondFactorCalls, KeyCalls, ImportCalls):
    """Sends requests to one node. Use it as a context manager, or call ``close``."""

    def __init__(self, address: NodeAddress, *, timeout: float = 60.0) -> None:
        headers = {"User-Agent": "hansa-client"}
        if address.token:
            headers["Authorization"] = f"Bearer {address.token}"
        self.address = address
        self._http = httpx2.Client(
            base_url=address.url, headers=headers, timeout=timeout, trust_env=False, verify=trust_of(address)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # ---- the node --------------------------------------------------------------------------------------------

    def node(self) -> dict[str, Any]:
        """Return the name, addresses and status of the node."""
        return dict(self._get("/api/node"))

    def ready(self) -> bool:
        """Return whether the node answers and is ready to work."""
        return not self.hindrance()

    def hindrance(self) -> str:
        """Return why the node is not ready, in its own words; empty if it is ready."""
        try:
            answer = self._http.get("/ready", timeout=2)
        except httpx2.HTTPError as error:
            return f"no answer: {type(error).__name__}"
        return "" if answer.status_code == 200 else answer.text

    # ---- publishing ------------------------------------------------------------------------------------------

    def upload(
        self, path: Path, *, media_type: str | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Send a file; returns ``{name, mediaType, size, sha256}``."""
        size = path.stat().st_size

        def pieces() -> Iterator[bytes]:
            sent = 0
            with path.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
                    sent += len(piece)
                    if progress is not None:
                        progress(sent, size)

        guessed = media_type or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {"X-File-Name": quote(path.name), "Content-Type": guessed, "Content-Length": str(size)}
        return dict(self._json("POST", "/api/files", content=pieces(), headers=headers, timeout=None))

    def publish(self, submission: Mapping[str, Any]) -> dict[str, Any]:
        """Publish a description: see ``POST /api/records``."""
        return dict(self._json("POST", "/api/records", json=submission))

    def publish_all(
        self, submissions: Sequence[Mapping[str, Any]], *, dry_run: bool = False, wait: bool = True
    ) -> dict[str, Any]:
        """Publish several descriptions: see ``POST /api/records/batch``."""
        body = {"records": [dict(submission) for submission in submissions], "dryRun": dry_run, "wait": wait}
        return dict(self._json("POST", "/api/records/batch", json=body, timeout=None))

    def withdraw(self, iri: str, *, reason: str = "") -> dict[str, Any]:
        """Take an asset out of the catalogue; its versions stay in the ledger."""
        params = {"iri": iri, **({"reason": reason} if reason else {})}
        return dict(self._json("DELETE", "/api/records", params=params))

    # ---- getting ---------------------------------------------------------------------------------------------

    def conditions(self, iri: str, *, purpose: str | None = None, ask: Any = None) -> dict[str, Any]:
        """Return the provider's conditions, whether we qualify (also for ``ask``), agreements and negotiations."""
        params = {"iri": iri, **({"purpose": purpose} if purpose else {})}
        params |= {"ask": json.dumps(ask)} if ask is not None else {}
        return dict(self._get("/api/conditions", params=params))

    def negotiate(
        self, iri: str, *, purpose: str | None = None, ask: Any = None, least: Any = None
    ) -> dict[str, Any]:
        """Request the asset, with ``ask`` under other terms than offered; return ``{pid, state, provider}``."""
        body = {"dataset": iri, "purpose": purpose, "ask": ask, "least": least}
        return dict(self._json("POST", "/api/negotiations", json=body))

    def limits(self, iri: str) -> dict[str, Any]:
        """Return the limits of automatic agreement for an own asset; ``terms`` None: only to the offer."""
        return dict(self._get("/api/limits", params={"dataset": iri}))

    def set_limits(self, iri: str, conditions: Any) -> dict[str, Any]:
        """Agree by itself to terms within ``conditions`` from now on; return as ``limits``."""
        return dict(self._json("PUT", "/api/limits", json={"dataset": iri, "conditions": conditions}))

    def clear_limits(self, iri: str) -> None:
        """Agree by itself only to terms equal to the offer from now on."""
        self._send("DELETE", "/api/limits", params={"dataset": iri})

    def negotiation(self, pid: str, *, wait: float = 0) -> dict[str, Any]:
        """Return the state of a negotiation; wait up to ``wait`` seconds for its end."""
        return dict(self._get(f"/api/negotiations/{quote(pid, safe='')}", params={"wait": wait}))

    def negotiations(self, *, state: str | None = None) -> list[dict[str, Any]]:
        """Return the newest negotiations of the node, newest first; only those in ``state`` if it is given."""
        return list(self._get("/api/negotiations", params={"state": state} if state else None))

    def transfers(self, *, state: str | None = None) -> list[dict[str, Any]]:
        """Return the newest transfers of the node, newest first; only those in ``state`` if it is given."""
        return list(self._get("/api/transfers", params={"state": state} if state else None))

    def transfer(
        self, agreement: str, *, file: str | None = None, push_to: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Begin to receive under an agreement; return ``{pid, state}``. With ``push_to`` (``{url, header, value,
        method}``) the provider sends the bytes there."""
        body = {"agreementId": agreement, "file": file, "pushTo": dict(push_to) if push_to else None}
        return dict(self._json("POST", "/api/transfers", json=body))

    def steer(self, pid: str, verb: str, *, reason: str = "") -> dict[str, Any]:
        """``suspend``, ``resume``, ``complete`` or ``terminate`` a transfer."""
        return dict(self._json("POST", f"/api/transfers/{quote(pid, safe='')}/{verb}", json={"reason": reason}))

    def accept_offer(self, pid: str) -> dict[str, Any]:
        """Accept the present offer of the provider in a negotiation."""
        return dict(self._json("POST", f"/api/negotiations/{quote(pid, safe='')}/accept"))

    def counter_offer(self, pid: str, conditions: Any) -> dict[str, Any]:
        """Ask for other terms than those of the provider's present offer in a negotiation."""
        url = f"/api/negotiations/{quote(pid, safe='')}/counter"
        return dict(self._json("POST", url, json={"ask": conditions}))

    def terminate_negotiation(self, pid: str, *, reason: str = "") -> dict[str, Any]:
        """End a negotiation."""
        url = f"/api/negotiations/{quote(pid, safe='')}/terminate"
        return dict(self._json("POST", url, json={"reason": reason}))

    def transfer_state(self, pid: str, *, wait: float = 0) -> dict[str, Any]:
        """Return the state of a transfer; wait up to ``wait`` seconds for a change."""
        return dict(self._get(f"/api/transfers/{quote(pid, safe='')}", params={"wait": wait}))

    def save(self, pid: str, target: Path, *, part: str = "content") -> int:
        """Write the result of a transfer (``content``, ``sealed`` or ``manifest``) to ``target``; return its size."""
        written = 0
        url = f"/api/transfers/{quote(pid, safe='')}/{part}"
        with self._stream("GET", url, timeout=None) as answer:
            partial = target.with_name(target.name + ".part")
            with partial.open("wb") as file:
                for piece in answer.iter_bytes(PIECE):
                    file.write(piece)
                    written += len(piece)
        partial.replace(target)
        return written

    def agreements(self) -> list[dict[str, Any]]:
        """Return all agreements, newest first."""
        return list(self._get("/api/agreements"))

    def agreement(self, agreement_id: str) -> dict[str, Any]:
        """Return one agreement with every access under it."""
        return dict(self._get(f"/api/agreements/{quote(agreement_id, safe='')}"))

    def agreement_document(self, agreement_id: str, language: str = "en") -> str:
        """Return the agreement as an HTML document for people."""
        url = f"/api/agreements/{quote(agreement_id, safe='')}/document"
        return str(self._send("GET", url, params={"lang": language}).text)

    def agreement_file(self, agreement_id: str) -> bytes:
        """Return the agreement with its evidence: a zip archive that ``hansa agreement verify`` checks."""
        return self.raw(f"/api/agreements/{quote(agreement_id, safe='')}/export")

    # ---- deciding, membership --------------------------------------------------------------------------------

    def decisions(self) -> list[dict[str, Any]]:
        """Return the requests that wait for a person's decision."""
        return list(self._get("/api/decisions"))

    def decide(self, decision_id: str, *, approve: bool, reason: str | None = None) -> dict[str, Any]:
        """Approve or reject such a request."""
        body = {"approve": approve, "reason": reason}
        return dict(self._json("POST", f"/api/decisions/{quote(decision_id, safe='')}", json=body))

    def join(self, region: str, credential_type: str) -> dict[str, Any]:
        """Ask a region for a credential, accepting its rulebook."""
        return dict(self._json("POST", "/api/join", json={"region": region, "credentialType": credential_type}))

    def memberships(self) -> dict[str, Any]:
        """Return our requests for credentials, and the credentials that we hold."""
        return dict(self._get("/api/memberships"))

    def issued_credentials(self) -> list[dict[str, Any]]:
        """Return the credentials that this node issued."""
        return list(self._get("/api/issued"))

    def revoke(self, credential_id: str, reason: str) -> dict[str, Any]:
        """Revoke a credential that this node issued."""
        return dict(
            self._json("POST", f"/api/issued/{quote(credential_id, safe='')}/revoke", json={"reason": reason})
        )

    def members(self) -> list[dict[str, Any]]:
        """Return the nodes that this node follows."""
        return list(self._get("/api/members"))

    def follow(self, url: str) -> dict[str, Any]:
        """Follow a node's feed."""
        return dict(self._json("POST", "/api/members", json={"url": url}))

    def blocks(self) -> list[dict[str, Any]]:
        """Return the participants that this node blocks."""
        return list(self._get("/api/blocks"))

    def block(self, did: str, reason: str) -> dict[str, Any]:
        """Block a participant."""
        return dict(self._json("POST", "/api/blocks", json={"did": did, "reason": reason}))

    def unblock(self, did: str) -> dict[str, Any]:
        """Unblock a participant."""
        return dict(self._json("DELETE", f"/api/blocks/{quote(did, safe='')}"))

    # ---- proof, upkeep ---------------------------------------------------------------------------------------

    def verify(self, peer: str | None = None, *, agreement: str | None = None) -> dict[str, Any]:
        """Let the node check its ledger, or a peer's proofs for an agreement."""
        body = {name: value for name, value in (("peer", peer), ("agreement", agreement)) if value}
        return dict(self._json("POST", "/api/verify", json=body))

    def deliveries(self) -> dict[str, Any]:
        """Return the messages that are being delivered, and those that were given up."""
        return dict(self._get("/api/deliveries"))

    def retry(self, task_id: str) -> dict[str, Any]:
        """Try a dead letter again."""
        return dict(self._json("POST", f"/api/deliveries/{quote(task_id, safe='')}/retry"))

    def give_up(self, task_id: str) -> dict[str, Any]:
        """Never try a dead letter again; processes that wait for it end."""
        return dict(self._json("POST", f"/api/deliveries/{quote(task_id, safe='')}/give-up"))

    def accounts(self) -> list[dict[str, Any]]:
        """Return the user accounts of this node."""
        return list(self._get("/api/accounts"))

    def add_account(self, login: str, name: str, roles: Sequence[str], password: str) -> dict[str, Any]:
        """Create or change a user account."""
        body = {"login": login, "name": name, "roles": list(roles), "password": password}
        return dict(self._json("POST", "/api/accounts", json=body))

    def set_password(self, login: str, password: str, *, old: str | None = None, keep_tokens: bool = False) -> None:
        """Change a password; the caller's own requires ``old``. Its API tokens end unless ``keep_tokens``."""
        body = {"password": password, "keepTokens": keep_tokens, **({} if old is None else {"old": old})}
        self._send("PUT", f"/api/accounts/{quote(login, safe='')}/password", json=body)

    def set_disabled(self, login: str, disabled: bool) -> dict[str, Any]:
        """Disable an account, or enable it again."""
        return dict(self._json("PATCH", f"/api/accounts/{quote(login, safe='')}", json={"disabled": disabled}))

    def tokens(self, *, everybody: bool = False) -> list[dict[str, Any]]:
        """Return the caller's API tokens, or as operator those of everybody."""
        return list(self._get("/api/tokens", params={"all": True} if everybody else {}))

    def revoke_token(self, sha256: str) -> dict[str, Any]:
        """End an API token."""
        return dict(self._json("DELETE", f"/api/tokens/{quote(sha256, safe='')}"))

    # ---- scenarios -------------------------------------------------------------------------------------------

    @property
    def scenarios(self) -> Scenarios:
        """Return access to runs of scenarios and change layers."""
        return Scenarios(self)

    # ---- in common -------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, *, json: Any = None, params: Mapping[str, Any] | None = None) -> Any:
        """Return the node's answer to ``method`` at ``path``, as JSON. Raises ``Refusal``, ``PeerUnreachable``."""
        answer = self._send(method, path, params=dict(params or {}), **({"json": json} if json is not None else {}))
        return answer.json() if answer.content else None

    def raw(self, path: str, *, params: Mapping[str, Any] | None = None) -> bytes:
        """Return the bytes at ``path``. Raises as ``call``."""
        return bytes(self._send("GET", path, params=dict(params or {}), timeout=None).content)

    def _get(self, url: str, *, params: Mapping[str, Any] | None = None) -> Any:
        return self._send("GET", url, params=dict(params or {})).json()

    def _json(self, method: str, url: str, **options: Any) -> Any:
        return self._send(method, url, **options).json()

    def _send(self, method: str, url: str, **options: Any) -> httpx2.Response:
        try:
            answer = self._http.request(method, url, **options)
        except httpx2.HTTPError as error:
            detail = f"the node at {self.address.url} does not answer"
            folder = "" if self.address.folder is None else word(self.address.folder)
            raise PeerUnreachable(detail, remedy="is it running? hansa serve " + folder) from error
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer

    @contextmanager
    def _stream(self, method: str, url: str, **options: Any) -> Iterator[httpx2.Response]:
        try:
            with self._http.stream(method, url, **options) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _refusal(answer)
                yield answer
        except httpx2.HTTPError as error:
            raise PeerUnreachable(
                f"the connection with the node at {self.address.url} broke", remedy="do the same again"
            ) from error


def _refusal(answer: httpx2.Response) -> Refusal:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return Refusal(answer.status_code, problem if isinstance(problem, dict) else {})
