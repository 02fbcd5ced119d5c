"""Errors that know their wire code, their HTTP status and their remedy.

Two families, told apart by type: a *remote* fault is the caller's (4xx, no alarm); a *local* fault is ours
(5xx, alarm). Doors translate: the management and catalogue APIs into RFC 9457 problem documents, the DSP
bindings into DSP error messages. The first sentence says what is wrong, ``remedy`` what mends it, and neither
tells anything that the caller may not know.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    def told_status(self) -> int:
        """The HTTP status that another participant is told."""
        return self.status

    @property
    def reasons(self) -> list[Any]:
        """Why, as messages of the Dataspace Protocol say it: the sentence, the rules that are not met, the remedy."""
        remedy = [{"remedy": self.remedy}] if self.remedy else []
        return [self.detail, *self.facts.get("reasons", ()), *remedy]


class RemoteFault(HansaError):
    """The caller's doing. Logged at info, never an alarm."""

    code = "bad-request"
    status = 400
    title = "The request is not valid"


class LocalFault(HansaError):
    """Our doing. Logged with its trace, counted, and told to the caller without particulars."""

    code = "internal"
    status = 500
    title = "Internal error"
    is_public: ClassVar[bool] = False
    """Whether ``detail`` and ``remedy`` may be shown to the caller: they are sentences without particulars."""

    @property
    def told_status(self) -> int:
        # What is ours alone to mend is a refusal to everybody else.
        return self.status if self.status >= 500 else 400


class Damaged(LocalFault):
    """A view on this node's disk is not what was written there. It is made anew from the ledger, by itself."""

    code = "being-rebuilt"
    status = 503
    title = "This part of the node is being rebuilt"
    is_public = True


class NoRoom(LocalFault):
    """The disk of this node, or of its database, is full or refuses to be written. Nothing has been changed; the
    same request succeeds once there is room."""

    code = "no-room"
    status = 507
    title = "The disk of this node is full"
    is_public = True


_FULL: Final = ("No space left on device", "Disk quota exceeded", "File too large")


def is_full(message: str) -> bool:
    """Whether a full disk is what an engine's message tells: some have words for it alone."""
    return any(words in message for words in _FULL)


class NotConfined(LocalFault):
    """This machine cannot keep a stranger's code from the files of the node, so it runs none."""

    code = "not-confined"
    status = 503
    title = "This node runs no models"
    is_public = True


class DatabaseBusy(LocalFault):
    """The database of this node is kept busy by others for longer than a request waits. Nothing has been changed."""

    code = "database-busy"
    status = 503
    title = "The database of this node is busy"
    is_public = True


class Contended(DatabaseBusy):
    """The database ended the transaction because of a concurrent one. Doing it again, as a whole, will do."""


class DatabaseAway(LocalFault):
    """The database of this node does not answer just now. A request that was cut short may have been carried out or
    not: ask again, nothing is done twice."""

    code = "database-away"
    status = 503
    title = "The database of this node does not answer"
    is_public = True


class InvalidInput(RemoteFault):
    """Not readable, or not of the expected form."""

    code = "invalid-input"
    title = "The input is not valid"


class InvalidDescription(RemoteFault):
    """A description breaks the shapes of its profile. ``findings`` say where, what and how to mend it."""

    code = "invalid-description"
    status = 422
    title = "The description has errors"

    def __init__(self, detail: str, *, findings: Sequence[dict[str, Any]], remedy: str = "") -> None:
        super().__init__(detail, remedy=remedy, facts={"findings": list(findings)})
        self.findings = list(findings)


class Unauthenticated(RemoteFault):
    """No token, or one that does not hold. Says what is wrong with the token, never with the resource."""

    code = "unauthenticated"
    status = 401
    title = "Sign-in or a valid token is required"


class NotAllowed(RemoteFault):
    """Known caller, known resource, but the rules do not admit this use."""

    code = "not-allowed"
    status = 403
    title = "Not allowed"


class NotFound(RemoteFault):
    """It does not exist, or it does not exist for this caller: the two are indistinguishable on purpose."""

    code = "not-found"
    status = 404
    title = "Not found, or you have no access to it"


class MethodNotAllowed(RemoteFault):
    code = "method-not-allowed"
    status = 405
    title = "This address does not support this method"


class NotAcceptable(RemoteFault):
    """The caller reads none of the formats in which this address can answer (RFC 9110 §15.5.7)."""

    code = "not-acceptable"
    status = 406
    title = "This address has no such format"


class Conflict(RemoteFault):
    """It contradicts what is already so."""

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
    """A bounded resource is used up by this request: the node lives, the request does not."""

    code = "overloaded"
    status = 503
    title = "The request needed too much time or memory and was stopped"


class PeerUnreachable(RemoteFault):
    """A peer does not answer, or answers nonsense."""

    code = "peer-unreachable"
    status = 502
    title = "The other node does not answer"


class ForbiddenAddress(RemoteFault):
    """An address that this node does not dial (private network, wrong scheme, odd port)."""

    code = "forbidden-address"
    status = 400
    title = "This node does not connect to this address"


class ProtocolError(HansaError):
    """A message that the transition table does not allow. See ``node.dialogue.machine``."""

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
