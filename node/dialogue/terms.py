"""The terms of the protocol's messages as facts: the vocabulary of each term and the form of its value.

The names are those of the compact form of DSP 2025-1 (``dspace.jsonld``, ``odrl-profile.jsonld``): a bare name where
its context has one, a prefix otherwise. Tests compare them with the official contexts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from node.vocab.dsp import V2024_1, VERSIONS, DspVersion
from node.vocab.namespaces import DCAT, DCT, HANSA, ODRL


class ValueForm(Enum):
    """The form of a member's value."""

    ID = auto()
    IDS = auto()
    TEXT = auto()
    STATE = auto()
    WORD = auto()
    TERM = auto()
    OBJECT = auto()
    LIST = auto()
    ANY = auto()
    ANYS = auto()


NAMESPACES: Final[Mapping[str, str]] = {"dspace": V2024_1.namespace, "odrl": ODRL, "dcat": DCAT, "dct": DCT}
"""The prefixes of terms in 2024/1."""

TERMS: Final[Mapping[str, tuple[str, ValueForm]]] = {
    "consumerPid": ("dspace", ValueForm.ID),
    "providerPid": ("dspace", ValueForm.ID),
    "agreementId": ("dspace", ValueForm.ID),
    "participantId": ("dspace", ValueForm.ID),
    "callbackAddress": ("dspace", ValueForm.TEXT),
    "timestamp": ("dspace", ValueForm.TEXT),
    "code": ("dspace", ValueForm.TEXT),
    "reason": ("dspace", ValueForm.ANYS),
    "filter": ("dspace", ValueForm.ANYS),
    "state": ("dspace", ValueForm.STATE),
    "eventType": ("dspace", ValueForm.STATE),
    "offer": ("dspace", ValueForm.OBJECT),
    "agreement": ("dspace", ValueForm.OBJECT),
    "dataAddress": ("dspace", ValueForm.OBJECT),
    "endpointType": ("dspace", ValueForm.WORD),
    "endpoint": ("dspace", ValueForm.TEXT),
    "endpointProperties": ("dspace", ValueForm.LIST),
    "name": ("dspace", ValueForm.TEXT),
    "value": ("dspace", ValueForm.TEXT),
    "format": ("dct", ValueForm.WORD),
    "catalog": ("dcat", ValueForm.LIST),
    "dataset": ("dcat", ValueForm.LIST),
    "service": ("dcat", ValueForm.LIST),
    "distribution": ("dcat", ValueForm.LIST),
    "accessService": ("dcat", ValueForm.OBJECT),
    "endpointURL": ("dcat", ValueForm.TEXT),
    "endpointDescription": ("dcat", ValueForm.TEXT),
    "hasPolicy": ("odrl", ValueForm.LIST),
    "permission": ("odrl", ValueForm.LIST),
    "prohibition": ("odrl", ValueForm.LIST),
    "obligation": ("odrl", ValueForm.LIST),
    "duty": ("odrl", ValueForm.LIST),
    "odrl:remedy": ("odrl", ValueForm.LIST),
    "odrl:consequence": ("odrl", ValueForm.LIST),
    "constraint": ("odrl", ValueForm.LIST),
    "and": ("odrl", ValueForm.LIST),
    "or": ("odrl", ValueForm.LIST),
    "xone": ("odrl", ValueForm.LIST),
    "andSequence": ("odrl", ValueForm.LIST),
    "action": ("odrl", ValueForm.TERM),
    "leftOperand": ("odrl", ValueForm.TERM),
    "operator": ("odrl", ValueForm.TERM),
    "rightOperand": ("odrl", ValueForm.ANY),
    "target": ("odrl", ValueForm.ID),
    "assigner": ("odrl", ValueForm.ID),
    "assignee": ("odrl", ValueForm.ID),
    "profile": ("odrl", ValueForm.IDS),
    **{
        HANSA + name: ("", ValueForm.TEXT)
        for name in ("signature", "purpose", "after", "file", "sealed", "agreementTerms")
    },
}
"""Name → prefix of its vocabulary, kind of its value. Our own additions have none: they go by their IRIs."""

TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("Catalog", "Dataset", "Distribution", "DataService"), "dcat"),
    **dict.fromkeys(("Offer", "Agreement", "Set", "Duty"), "odrl"),
}
"""Types of other vocabularies than the protocol's own."""

AT_LEAST_ONE: Final = frozenset(
    {"permission", "prohibition", "obligation", "hasPolicy", "distribution", "endpointProperties"}
    | {"catalog", "dataset", "service", "reason"}
)
"""Lists that are left out if they are empty (``minItems`` in the schemas)."""

OPERATORS: Final = frozenset(
    {"eq", "gt", "gteq", "lt", "lteq", "term-lteq", "neq"}
    | {"hasPart", "isA", "isAllOf", "isAnyOf", "isNoneOf", "isPartOf"}
)
"""Operators have no prefix in DSP 2025-1 (``contract-schema.json``)."""

_OTHER_WORDS: Final = (
    "use prohibit serviceEndpoint "
    "REQUESTED OFFERED ACCEPTED AGREED VERIFIED FINALIZED STARTED SUSPENDED COMPLETED TERMINATED "
    "CatalogRequestMessage CatalogError CatalogService DatasetRequestMessage VersionsError "
    "ContractRequestMessage ContractOfferMessage ContractAgreementMessage ContractAgreementVerificationMessage "
    "ContractNegotiationEventMessage ContractNegotiationTerminationMessage "
    "ContractNegotiation ContractNegotiationError "
    "TransferRequestMessage TransferStartMessage TransferCompletionMessage TransferSuspensionMessage "
    "TransferTerminationMessage TransferProcess TransferError DataAddress EndpointProperty "
    "Policy Rule Permission Prohibition Constraint Action Asset Assertion LeftOperand Operator RightOperand"
)

WORDS: Final = frozenset(
    {name for name in TERMS if ":" not in name} | set(TYPES) | OPERATORS | set(_OTHER_WORDS.split())
)
"""Every bare name that the context of 2025-1 defines."""


def wire_name(name: str) -> str:
    """Return a term with its prefix, as 2024/1 writes it."""
    prefix = TERMS[name][0]
    return name if not prefix or ":" in name else f"{prefix}:{name}"


def _iris() -> dict[str, str]:
    iris: dict[str, str] = {}
    for name, (prefix, _) in TERMS.items():
        local = name.removeprefix(f"{prefix}:")
        own = [version.namespace for version in VERSIONS.values()]
        iris |= {space + local: name for space in (own if prefix == "dspace" else [NAMESPACES.get(prefix, "")])}
    return iris


BY_IRI: Final[Mapping[str, str]] = _iris()
"""IRI → term, in the namespaces of all versions."""

_ALIASES: Final = {name.partition(":")[2]: name for name in TERMS if name.startswith("odrl:")}
"""Terms without a bare name in DSP's context; some peers write them bare nevertheless."""


def term(iri: str) -> str:
    """Return the term for ``iri``, else its shortest form by the protocol's context, else ``iri``. A bare name is
    taken for a term of the protocol."""
    if iri in BY_IRI:
        return BY_IRI[iri]
    if ":" not in iri:
        return _ALIASES.get(iri, iri)
    return compact(iri)


def compact(iri: str) -> str:
    """Return ``iri`` with a prefix of the protocol's context, if there is one for it."""
    for prefix, namespace in NAMESPACES.items():
        if prefix != "dspace" and iri.startswith(namespace):
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def local(iri: str) -> str:
    """Return a type of the protocol without its namespace or prefix; return other names unchanged."""
    for head in (*NAMESPACES.values(), *(version.namespace for version in VERSIONS.values())):
        if iri.startswith(head):
            return iri[len(head) :]
    prefix, _, rest = iri.partition(":")
    return rest if prefix in NAMESPACES else iri


def word(iri: str) -> str:
    """Return a state, an event, a format or a type of end point without the namespace of the protocol."""
    bare = local(iri)
    return bare if of_version(iri) or iri.startswith("dspace:") or TYPES.get(bare) == "dcat" else iri


def of_version(iri: str) -> DspVersion | None:
    """Return the version with the namespace of ``iri``."""
    return next((version for version in VERSIONS.values() if iri.startswith(version.namespace)), None)


def _pattern() -> re.Pattern[bytes]:
    """Return a pattern that finds a member that is not in the compact form of the schemas: a term with a prefix or an
    IRI, a value that is an object or an array where the schemas have a text, or the other way round."""
    bare = {name: kind for name, (prefix, kind) in TERMS.items() if prefix and ":" not in name}
    heads = [f"{prefix}:" for prefix in NAMESPACES]
    heads += [*NAMESPACES.values(), *(version.namespace for version in VERSIONS.values())]

    def one_of(*kinds: ValueForm) -> str:
        return "|".join(re.escape(name) for name, kind in bare.items() if kind in kinds)

    texts = one_of(ValueForm.ID, ValueForm.TEXT, ValueForm.STATE, ValueForm.WORD, ValueForm.TERM)
    spaces = "|".join(map(re.escape, sorted(set(heads))))
    alternatives = [
        rf"(?:{spaces})(?:{'|'.join(map(re.escape, bare))})\"\s*:",
        rf"(?:{texts})\"\s*:\s*[\[{{]",
        rf"(?:{one_of(ValueForm.OBJECT)})\"\s*:\s*\[",
        rf"(?:{one_of(ValueForm.LIST, ValueForm.ANYS)})\"\s*:\s*[^\s\[]",
        rf"@(?:graph|reverse|included|nest|type\"\s*:\s*(?:\[|\"(?:{spaces})))",
    ]
    return re.compile(f'"(?:{"|".join(alternatives)})'.encode())


UNUSUAL: Final = _pattern()
"""Finds members that may not be in the compact form: a message without any need not be converted."""

_ESCAPED: Final = re.compile(rb"\\u00(?:2[3d-fD-F]|3[0-9aA]|4|5[0-9aAfF]|6|7)")
"""Escapes (RFC 8259 §7) of letters, digits and the other characters of names (``#-./:@_``): JSON has two spellings of
every name, and a search in the bytes does not find the escaped one. Quotation marks and characters that HTML reserves
are often escaped in texts, and are in no name."""


def unusual(raw: bytes) -> bool:
    """Return whether a message may be in another form than the compact one."""
    return _ESCAPED.search(raw) is not None or UNUSUAL.search(raw) is not None
