"""Errors with their wire code, their HTTP status and their remedy.

Two families, distinguished by type: a *remote* fault is the caller's (4xx, no alarm); a *local* fault is ours (5xx,
alarm). The end points translate them: the management and catalogue APIs into RFC 9457 problem documents, the DSP
bindings into DSP error messages. The first sentence states the problem, ``remedy`` the correction, and neither
reveals anything that the caller may not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final


class HansaError(Exception):
    """The root. ``detail`` is the sentence for the reader; ``facts`` are members for the machine."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "", *, remedy: str = "", facts: dict[str, Any] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.remedy = remedy
        self.facts = facts or {}

    @property
    def sent_status(self) -> int:
        """Return the HTTP status that is sent to another participant."""
        return self.status

    @property
    def reasons(self) -> list[Any]:
        """Return the reasons for messages of the Dataspace Protocol: sentence, unfulfilled rules, remedy."""
        remedy = [{"remedy": self.remedy}] if self.remedy else []
        return [self.detail, *self.facts.get("reasons", ()), *remedy]


class RemoteFault(HansaError):
    """The caller made a mistake. Logged at the level info, without an alarm."""

    code = "bad-request"
    status = 400
    title = "The request is not valid"


class LocalFault(HansaError):
    """An error of this node. The log has its trace, a metric counts it, and the caller gets no details."""

    code = "internal"
    status = 500
    title = "Internal error"
    is_public: ClassVar[bool] = False
    """True if ``detail`` and ``remedy`` may be shown to the caller: they are sentences without particulars."""

    @property
    def sent_status(self) -> int:
        # What only we can repair is a refusal to everybody else.
        return self.status if self.status >= 500 else 400


class Damaged(LocalFault):
    """A view on this node's disk is damaged. The node rebuilds it from the ledger automatically."""

    code = "being-rebuilt"
    status = 503
    title = "This part of the node is being rebuilt"
    is_public = True


class NoRoom(LocalFault):
    """The disk of this node or of its database is full, or cannot be written. Nothing has been changed. Repeat the
    request when there is space."""

    code = "no-room"
    status = 507
    title = "The disk of this node is full"
    is_public = True


_FULL: Final = ("No space left on device", "Disk quota exceeded", "File too large")


def is_full(message: str) -> bool:
    """Return whether an engine's message means a full disk: some engines report it in words only."""
    return any(words in message for words in _FULL)


class NotConfined(LocalFault):
    """This machine cannot keep the code of models from the files of the node. The node therefore runs no models."""

    code = "not-confined"
    status = 503
    title = "This node runs no models"
    is_public = True


class DatabaseBusy(LocalFault):
    """The database of this node was busy for longer than a request waits. Nothing has been changed."""

    code = "database-busy"
    status = 503
    title = "The database of this node is busy"
    is_public = True


class Contended(DatabaseBusy):
    """The database ended the transaction because of a concurrent one. Doing it again, as a whole, will do."""


class DatabaseAway(LocalFault):
    """The database of this node does not answer at present. An interrupted request may have been carried out or
    not. Repeat it: nothing is done twice."""

    code = "database-away"
    status = 503
    title = "The database of this node does not answer"
    is_public = True


class InvalidInput(RemoteFault):
    """The input cannot be read, or does not have the expected form."""

    code = "invalid-input"
    title = "The input is not valid"


class InvalidDescription(RemoteFault):
    """A description does not conform to the shapes of its profile. ``findings`` say where, why and what to do."""

    code = "invalid-description"
    status = 422
    title = "The description has errors"

    def __init__(
        self,
        detail: str,
        *,
        findings: Sequence[dict[str, Any]],
        remedy: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, remedy=remedy, facts={**(facts or {}), "findings": list(findings)})
        self.findings = list(findings)


class Unauthenticated(RemoteFault):
    """The request has no token, or an invalid one. The error describes the token, never the resource."""

    code = "unauthenticated"
    status = 401
    title = "Sign-in or a valid token is required"


class NotAllowed(RemoteFault):
    """The caller is known and may know of the resource, but the rules do not allow this use."""

    code = "not-allowed"
    status = 403
    title = "Not allowed"


class NotFound(RemoteFault):
    """It does not exist, or this caller has no access to it. The answer is the same on purpose."""

    code = "not-found"
    status = 404
    title = "Not found, or you have no access to it"


class Withdrawn(NotFound):
    """The publisher has withdrawn it; this caller had access to it, and has to its earlier versions."""

    code = "withdrawn"
    status = 410
    title = "Withdrawn"


class Gone(RemoteFault):
    """It existed, this caller had access to it, and it was removed for good."""

    code = "gone"
    status = 410
    title = "Gone"


class MethodNotAllowed(RemoteFault):
    code = "method-not-allowed"
    status = 405
    title = "This address does not support this method"


class NotAcceptable(RemoteFault):
    """The address has none of the formats that the caller accepts (RFC 9110 §15.5.7)."""

    code = "not-acceptable"
    status = 406
    title = "This address has no such format"


class Conflict(RemoteFault):
    """The request contradicts the current state."""

    code = "conflict"
    status = 409
    title = "The request conflicts with the current state"


class TooLarge(RemoteFault):
    code = "too-large"
    status = 413
    title = "The request is too large"


class UnsupportedMediaType(RemoteFault):
    code = "unsupported-media-type"
    status = 415
    title = "This media type is not supported"


class TooMany(RemoteFault):
    code = "too-many-requests"
    status = 429
    title = "Too many requests"


class Overloaded(RemoteFault):
    """This request needed more of a limited resource than one request may use. The node continues to work."""

    code = "overloaded"
    status = 503
    title = "The request needed too much time or memory and was stopped"


class PeerUnreachable(RemoteFault):
    """A peer does not answer, or its answer cannot be read."""

    code = "peer-unreachable"
    status = 502
    title = "The other node does not answer"


class ForbiddenAddress(RemoteFault):
    """The node does not connect to this address (private network, wrong scheme, port that is not allowed)."""

    code = "forbidden-address"
    status = 400
    title = "This node does not connect to this address"


class ProtocolError(HansaError):
    """The transition table does not allow this message in the current state. See ``node.dialogue.machine``."""

    code = "protocol-error"
    status = 400
    title = "The message does not fit the state of the process"


class RemoteProtocolError(ProtocolError, RemoteFault):
    """The peer broke the protocol: answer 400 with the protocol's own error object, change nothing."""


class Crossed(RemoteProtocolError):
    """The peer's message has crossed one of ours that stands. Asked again later, it may fit, or be needed no more."""

    status = 409


class LocalProtocolError(ProtocolError, LocalFault):
    """We tried to break the protocol: a bug of ours, or a command that came too late."""

    status = 409
