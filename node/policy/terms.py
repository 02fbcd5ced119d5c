"""ODRL and Hansa policy terms: facts, entered by hand.

ODRL 2.2 Vocabulary §3 (https://www.w3.org/TR/odrl-vocab/) for actions, operators and left operands; the
profile ``https://w3id.org/hansa/policy`` (``policies/terms/profile.ttl``) for ours. Nothing here decides
anything: ``node.policy.operands`` and ``node.policy.decide`` define what a term means for an access.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from node.vocab.namespaces import CC, DCT, DPV, HANSA, HANSA_POLICY, ODRL, XSD

PROFILE: Final = "https://w3id.org/hansa/policy"
DPV_INFRA: Final = "https://w3id.org/dpv/sector/infra#"

# Prefixes that are expanded inside policies. The list is short on purpose: a right operand may be any IRI,
# and ``geo:`` or ``schema:`` could be a scheme rather than a prefix.
PREFIXES: Final[dict[str, str]] = {
    "odrl": ODRL,
    "hz": HANSA_POLICY,
    "hansa": HANSA,
    "dpv": DPV,
    "infra": DPV_INFRA,
    "cc": CC,
    "xsd": XSD,
    "dct": DCT,
}

# Actions -------------------------------------------------------------------------------------------------

USE: Final = ODRL + "use"
TRANSFER: Final = ODRL + "transfer"
READ: Final = ODRL + "read"
EXECUTE: Final = ODRL + "execute"
REPRODUCE: Final = ODRL + "reproduce"
DISTRIBUTE: Final = ODRL + "distribute"
MODIFY: Final = ODRL + "modify"
DERIVE: Final = ODRL + "derive"
DELETE: Final = ODRL + "delete"
ATTRIBUTE: Final = ODRL + "attribute"
INFORM: Final = ODRL + "inform"
COMPENSATE: Final = ODRL + "compensate"
ANONYMIZE: Final = ODRL + "anonymize"
OBTAIN_CONSENT: Final = ODRL + "obtainConsent"
COMMERCIAL_USE: Final = CC + "CommercialUse"
CREDIT: Final = CC + "Attribution"
SHARE_ALIKE: Final = CC + "ShareAlike"

# ODRL 2.2 misspells the Creative Commons term; Creative Commons does not. The deprecated terms name their successors
# by skos:exactMatch.
ALIASES: Final[dict[str, str]] = {
    CC + "CommericalUse": COMMERCIAL_USE,
    ODRL + "commercialize": COMMERCIAL_USE,
    ODRL + "copy": REPRODUCE,
    ODRL + "pay": COMPENSATE,
    ODRL + "export": ODRL + "transform",
    ODRL + "share": CC + "Sharing",
    ODRL + "shareAlike": CC + "ShareAlike",
    ODRL + "attachPolicy": CC + "Notice",
    ODRL + "attachSource": CC + "SourceCode",
    ODRL + "write": MODIFY,
}

_UNDER_USE = [
    "acceptTracking",
    "aggregate",
    "annotate",
    "anonymize",
    "archive",
    "attribute",
    "compensate",
    "concurrentUse",
    "delete",
    "derive",
    "digitize",
    "distribute",
    "ensureExclusivity",
    "execute",
    "grantUse",
    "include",
    "index",
    "inform",
    "install",
    "modify",
    "move",
    "nextPolicy",
    "obtainConsent",
    "play",
    "present",
    "print",
    "read",
    "reproduce",
    "reviewPolicy",
    "stream",
    "synchronize",
    "textToSpeech",
    "transform",
    "translate",
    "uninstall",
    "watermark",
]
_CC_UNDER_USE = [
    "Attribution",
    "CommercialUse",
    "DerivativeWorks",
    "Distribution",
    "Notice",
    "Reproduction",
    "ShareAlike",
    "Sharing",
    "SourceCode",
]

# odrl:includedIn (ODRL 2.2 Vocabulary §3.8): narrower action → wider action.
INCLUDED_IN: Final[dict[str, str]] = {
    **{ODRL + name: USE for name in _UNDER_USE},
    **{CC + name: USE for name in _CC_UNDER_USE},
    ODRL + "display": ODRL + "play",
    ODRL + "extract": REPRODUCE,
    ODRL + "give": TRANSFER,
    ODRL + "sell": TRANSFER,
}
ACTIONS: Final = frozenset({USE, TRANSFER, *INCLUDED_IN})

# Actions that a provider may ask of the recipient and that we can put into words; any other duty is unknown.
DUTIES: Final = frozenset(
    {
        DELETE,
        ATTRIBUTE,
        CREDIT,
        INFORM,
        COMPENSATE,
        ANONYMIZE,
        OBTAIN_CONSENT,
        SHARE_ALIKE,
    }
)

# Operands ------------------------------------------------------------------------------------------------

DATE_TIME: Final = ODRL + "dateTime"
PURPOSE: Final = ODRL + "purpose"
RECIPIENT: Final = ODRL + "recipient"
SPATIAL: Final = ODRL + "spatial"
ELAPSED_TIME: Final = ODRL + "elapsedTime"
COUNT: Final = ODRL + "count"
PAY_AMOUNT: Final = ODRL + "payAmount"
CREDENTIAL: Final = HANSA_POLICY + "credential"
MEMBERSHIP: Final = HANSA_POLICY + "membership"
PARTICIPANT: Final = HANSA_POLICY + "participant"
RULEBOOK: Final = HANSA_POLICY + "rulebook"
ALGORITHM: Final = HANSA_POLICY + "algorithm"
MINIMUM_CELL_SIZE: Final = HANSA_POLICY + "minimumCellSize"
COLUMNS: Final = HANSA_POLICY + "columns"
ROWS: Final = HANSA_POLICY + "rows"
BOX: Final = HANSA_POLICY + "box"
CONCEALED: Final = HANSA_POLICY + "concealed"
SMALLEST_GROUP: Final = HANSA_POLICY + "smallestGroup"
PART: Final = (COLUMNS, ROWS, BOX, CONCEALED, SMALLEST_GROUP)
"""The operands that together give a part of the data (``node.policy.portion``)."""


class ValueType(StrEnum):
    """The type of the right operand of a known left operand."""

    IRI = "iri"
    MOMENT = "moment"
    DURATION = "duration"
    NUMBER = "number"
    TEXT = "text"
    COLUMN = "column"
    ROW = "row"
    BOX = "box"
    CONCEALMENT = "concealment"
    GROUP = "group"


VALUE_TYPES: Final[dict[str, ValueType]] = {
    DATE_TIME: ValueType.MOMENT,
    PURPOSE: ValueType.IRI,
    RECIPIENT: ValueType.IRI,
    SPATIAL: ValueType.IRI,
    ELAPSED_TIME: ValueType.DURATION,
    COUNT: ValueType.NUMBER,
    PAY_AMOUNT: ValueType.NUMBER,
    CREDENTIAL: ValueType.IRI,
    MEMBERSHIP: ValueType.IRI,
    PARTICIPANT: ValueType.IRI,
    RULEBOOK: ValueType.IRI,
    ALGORITHM: ValueType.TEXT,
    MINIMUM_CELL_SIZE: ValueType.NUMBER,
    COLUMNS: ValueType.COLUMN,
    ROWS: ValueType.ROW,
    BOX: ValueType.BOX,
    CONCEALED: ValueType.CONCEALMENT,
    SMALLEST_GROUP: ValueType.GROUP,
}
PART_TYPES: Final = frozenset(VALUE_TYPES[operand] for operand in PART)
"""The types of values of a part: texts that are compared as they are written."""

# Operators (ODRL 2.2 Vocabulary §3.11, and DSP 2025-1's own ``term-lteq``).
OPERATORS: Final = frozenset(
    [
        "eq",
        "neq",
        "lt",
        "lteq",
        "gt",
        "gteq",
        "isA",
        "hasPart",
        "isPartOf",
        "isAllOf",
        "isAnyOf",
        "isNoneOf",
        "term-lteq",
    ]
)
SET_OPERATORS: Final = frozenset({"isAnyOf", "isAllOf", "isNoneOf"})
LOGICAL: Final = ("and", "or", "xone", "andSequence")

CONFLICT_STRATEGIES: Final = frozenset({"perm", "prohibit", "invalid"})

# Bare terms which the JSON-LD context of DSP 2025-1 maps (odrl-profile.jsonld): any other bare action or left
# operand becomes a relative IRI, or vanishes, at a peer that expands.
DSP_BARE_TERMS: Final = frozenset({"use"})


def expand(term: str) -> str:
    """Return ``term`` as a full IRI if its prefix is one of ``PREFIXES``; else unchanged."""
    prefix, colon, local = term.partition(":")
    if colon and not local.startswith("//") and prefix in PREFIXES:
        return PREFIXES[prefix] + local
    return term


def expand_term(term: str) -> str:
    """As ``expand``, but a bare word counts as an ODRL term, as DSP's own examples write it."""
    if ":" in term:
        return expand(term)
    return ODRL + term if term else term


def compact(iri: str) -> str:
    """Return the shortest form of ``iri`` with one of our prefixes; else unchanged."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def local_name(iri: str) -> str:
    """Return the part after the last ``#`` or ``/`` (or ``:``), for terms without a known label."""
    for separator in ("#", "/", ":"):
        _, separated, local = iri.rstrip("/#").rpartition(separator)
        if separated and local:
            return local
    return iri


def action_iri(term: str) -> str:
    """Return the action that ``term`` names, with deprecated names replaced by their successors."""
    iri = expand_term(term)
    return ALIASES.get(iri, iri)


def includes(wider: str, narrower: str) -> bool:
    """Return whether every performance of ``narrower`` is one of ``wider`` (reflexive closure of odrl:includedIn)."""
    at: str | None = narrower
    while at is not None:
        if at == wider:
            return True
        at = INCLUDED_IN.get(at)
    return False


def credential_type(name: str) -> str:
    """Return the type name as credentials have it: our own namespaces are dropped, foreign IRIs stay."""
    iri = expand(name)
    for namespace in (HANSA, HANSA_POLICY):
        if iri.startswith(namespace):
            return iri[len(namespace) :]
    return iri
