"""The roles that each use case requires: this table is the only place that defines them.

A use case checks this table (``require``) with the caller that the web layer has identified; no route and no page
checks a role itself. Use cases outside the table need no role: every person of a node may read its work (agreements,
processes, deliveries, keys), and public data are for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from node.base.errors import NotAllowed
from node.identity.model import Caller, UserRole

_PUBLISHER, _STEWARD, _SIGNATORY = UserRole.PUBLISHER, UserRole.STEWARD, UserRole.SIGNATORY
_OPERATOR, _AUDITOR = UserRole.OPERATOR, UserRole.AUDITOR


class UseCase(StrEnum):
    """The use cases that require a role, in words that complete "a person may …"."""

    PUBLISH = "upload files, publish and withdraw assets"
    ERASE = "erase versions of assets for good"
    MANAGE_DATA_SOURCES = "register, test and remove data sources"
    MANAGE_WEBHOOKS = "register, test and remove webhooks, which are told about the node's events"
    KEEP_STREAMS = "describe streams, send observations to them, and remove them"
    SCHEDULE_HARVESTS = "harvest catalogues of others on a schedule"
    CHECK_LINKS = "have the links of the catalogue checked again"
    RUN_SCENARIOS = "check, start, repeat and end runs of scenarios"
    READ_RESULTS = "read and export the results of runs"
    CHANGE_LAYERS = "create and change change layers"
    CALL_MODELS = "run models of this node directly"
    NEGOTIATE = "request and negotiate agreements, and end negotiations"
    SET_LIMITS = "set which terms this node accepts automatically"
    READ_LIMITS = "read which terms this node accepts automatically"
    DECIDE = "decide on requests and applications"
    RECEIVE = "start downloads to this node"
    DIRECT_BYTES = "have data sent to another address"
    STEER_TRANSFERS = "pause, resume, complete and end transfers"
    READ_RECEIVED = "read received data"
    ANSWER_QUESTIONS = "answer, refuse and hide questions on assets of this node"
    CONFIRM_DELETION = "delete data received under an agreement, and confirm the deletion"
    JOIN = "apply to a region for a credential, and leave a region"
    REVOKE = "revoke credentials that this node issued"
    BLOCK = "block and unblock participants"
    STATE_PLACE = "state where this node is, for maps of members"
    MANAGE_ACCOUNTS = "manage the accounts, passwords and tokens of others"
    CHANGE_KEYS = "replace and revoke keys of the node"
    HANDLE_DELIVERIES = "retry or discard messages that could not be delivered"
    FOLLOW = "follow other nodes, and accept the history of a node in quarantine"
    READ_WITNESS = "read contradicting signed statements of followed nodes"
    READ_METRICS = "read the metrics"
    READ_OPERATION = "read the health, the settings and the storage of the node"
    READ_AUDIT = "read and export the audit trail"


ROLES: Final[Mapping[UseCase, tuple[UserRole, ...]]] = MappingProxyType(
    {
        UseCase.PUBLISH: (_PUBLISHER, _STEWARD),
        # It cannot be undone.
        UseCase.ERASE: (_STEWARD,),
        # It decides what the node may read inside the city, and with which credentials.
        UseCase.MANAGE_DATA_SOURCES: (_STEWARD,),
        # What they are told includes agreements, transfers and internal assets.
        UseCase.MANAGE_WEBHOOKS: (_STEWARD,),
        UseCase.KEEP_STREAMS: (_PUBLISHER, _STEWARD),
        UseCase.SCHEDULE_HARVESTS: (_PUBLISHER, _STEWARD),
        UseCase.CHECK_LINKS: (_PUBLISHER, _STEWARD),
        UseCase.RUN_SCENARIOS: (_PUBLISHER, _STEWARD),
        # People who run or audit the node need no access to the data itself (governance digest §4).
        UseCase.READ_RESULTS: (_PUBLISHER, _STEWARD),
        UseCase.CHANGE_LAYERS: (_PUBLISHER, _STEWARD),
        UseCase.CALL_MODELS: (_PUBLISHER, _OPERATOR),
        # The result binds the city: the provider may agree at once, and the node then signs by itself.
        UseCase.NEGOTIATE: (_STEWARD, _SIGNATORY),
        UseCase.SET_LIMITS: (_STEWARD, _SIGNATORY),
        UseCase.READ_LIMITS: (_STEWARD, _SIGNATORY, _AUDITOR),
        UseCase.DECIDE: (_STEWARD, _SIGNATORY),
        UseCase.RECEIVE: (_STEWARD, _SIGNATORY, _PUBLISHER),
        # A person who decides where bytes are sent could read them there.
        UseCase.DIRECT_BYTES: (_PUBLISHER, _STEWARD),
        UseCase.STEER_TRANSFERS: (_STEWARD, _SIGNATORY),
        UseCase.READ_RECEIVED: (_PUBLISHER, _STEWARD),
        # It is read as the word of the city.
        UseCase.ANSWER_QUESTIONS: (_PUBLISHER, _STEWARD),
        # It is signed in the city's name.
        UseCase.CONFIRM_DELETION: (_STEWARD, _SIGNATORY),
        UseCase.JOIN: (_SIGNATORY, _OPERATOR),
        UseCase.REVOKE: (_SIGNATORY, _OPERATOR),
        UseCase.BLOCK: (_SIGNATORY, _OPERATOR),
        # Other nodes show it as the word of the city.
        UseCase.STATE_PLACE: (_SIGNATORY, _OPERATOR),
        UseCase.MANAGE_ACCOUNTS: (_OPERATOR,),
        UseCase.CHANGE_KEYS: (_OPERATOR,),
        UseCase.HANDLE_DELIVERIES: (_OPERATOR,),
        UseCase.FOLLOW: (_OPERATOR,),
        UseCase.READ_WITNESS: (_OPERATOR, _AUDITOR),
        UseCase.READ_METRICS: (_OPERATOR, _AUDITOR),
        UseCase.READ_OPERATION: (_OPERATOR, _AUDITOR),
        UseCase.READ_AUDIT: (_OPERATOR, _AUDITOR),
    }
)
"""The roles of each use case; any one of them is enough."""


def allowed(caller: Caller, use_case: UseCase) -> bool:
    """Return whether a role of the caller that works now is enough for ``use_case``."""
    return caller.is_person and any(caller.may(role) for role in ROLES[use_case])


def require(caller: Caller, use_case: UseCase) -> None:
    """Raise ``NotAllowed`` unless ``caller`` is a person of this node with a role that is enough for ``use_case``.

    If the person has such a role and it does not work yet, the error names the missing step.
    """
    if allowed(caller, use_case):
        return
    roles = ROLES[use_case]
    unready = caller.unready(*roles)
    if unready is not None:
        raise unready
    wanted = " or ".join(str(role) for role in roles)
    raise NotAllowed(f"you need the role {wanted}", remedy="ask an operator of this node for this role")
