"""The forms in which peers write a message: one table (``node.dialogue.terms``), one reader, one writer.

Inside this node a message has the members of DSP 2025-1 in the compact form of its schemas, in whichever version it
was received or will be sent; its ``@context`` names the version. A message in that form is only checked, and used
unchanged. Every other form of a message is converted: expanded JSON-LD, other prefixes, aliases and vocabularies that
the message defines itself, ``@value`` and ``@id`` objects, arrays around one value, one value in place of an array;
and DSP 2024/1, which writes its messages with prefixes: ``dspace:`` before the protocol's own terms, ``odrl:``,
``dcat:`` and ``dct:`` before the others. No context is ever loaded (``node.dialogue.contexts``).

Members that are not the protocol's are kept under their IRIs, with unchanged values
(docs/decisions/0014-json-ld-without-a-processor.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import canonical, compile_encoder, read_json, read_object
from node.dialogue.contexts import Names, names_in, version_named
from node.dialogue.terms import (
    AT_LEAST_ONE,
    NAMESPACES,
    OPERATORS,
    TERMS,
    TYPES,
    UNUSUAL,
    ValueForm,
    compact,
    local,
    of_version,
    term,
    unusual,
    wire_name,
    word,
)
from node.vocab.dsp import CONTEXTS, V2024_1, VERSIONS, DspVersion
from node.vocab.namespaces import ODRL

__all__ = [
    "UNUSUAL",
    "encode",
    "in_version",
    "look",
    "normal",
    "read",
    "same",
    "settle",
    "text",
    "version_named",
]

_encode: Final = compile_encoder(json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")))
_OF_A_NODE: Final = frozenset({"@id", "@type"})
_OF_A_VALUE: Final = frozenset({"@id", "@value", "@type", "@language", "@list", "@set"})


def read(raw: bytes) -> dict[str, Any]:
    """Read a message or an answer in any form; return the members of 2025-1 in compact form. Raises ``InvalidInput``.

    ``@context`` is the one that was sent if the message is in the compact form, else the address of the version's.
    """
    return look(raw)[0]


def look(raw: bytes) -> tuple[dict[str, Any], bool]:
    """Like ``read``; also return whether the message had to be converted to that form."""
    value = read_json(raw)
    if isinstance(value, list) and len(value) == 1:
        # An expanded document is an array of nodes (JSON-LD 1.1 §9.1); a message is one node.
        value = value[0]
    if not isinstance(value, dict):
        raise InvalidInput("a message is one JSON object", remedy="send an object: { … }")
    if not unusual(raw) and _named_alone(value.get("@context")):
        return value, False
    return _read(value), True


def settle(body: Mapping[str, Any], version: DspVersion) -> dict[str, Any]:
    """Return a part of a message, an offer or an agreement, as the receiver reads it after it was sent in
    ``version``: both sides canonicalise, hash and sign this form. In 2025-1 it is the part itself."""
    if version != V2024_1:
        return dict(body)
    return _plain(_with_prefixes(body), names_in(dict(NAMESPACES)))


def same(first: Any, second: Any) -> bool:
    """Return whether two offers or agreements are the same in the compact form, in whatever form they arrived."""
    return normal(first) == normal(second)


def normal(body: Mapping[str, Any]) -> bytes:
    """Return the normal form of a body, or of a part of a body, for comparing it or its digest."""
    return text(_plain(body, Names(prefixes=CONTEXTS[V2024_1.context])))


def text(value: Any) -> bytes:
    """Return ``value`` as JSON, the same bytes for the same value, also if it has numbers without a canonical form.

    ``canonical`` would refuse fractions. Messages of strangers are compared and counted in this form, never signed.
    Digests of earlier releases are of these bytes."""
    return _encode(value).encode()


def encode(body: bytes) -> bytes:
    """Return a message of ours as it goes over the wire: earlier releases of this program have put messages of 2024/1
    into the outbox with the members of 2025-1. Such messages have the address of the context; a message written for
    the wire has the prefixes themselves in its place."""
    if V2024_1.context.encode() not in body:
        return body
    value = read_object(body)
    context = value.get("@context")
    return canonical(in_version(value)) if isinstance(context, list) and V2024_1.context in context else body


def in_version(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message or an answer of ours in the form of the version that its ``@context`` names."""
    if version_named(body.get("@context")) != V2024_1:
        return dict(body)
    return {**_with_prefixes(body), "@context": dict(NAMESPACES)}


# ---- reading another form ------------------------------------------------------------------------------------


def _named_alone(context: Any) -> bool:
    """Return whether ``@context`` is an array of addresses, one of them a version's: the form of the schemas."""
    if not isinstance(context, list) or not all(isinstance(entry, str) for entry in context):
        return False
    return any(version.context in context for version in VERSIONS.values())


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    context = body.get("@context")
    names = names_in(context)
    members = {name: value for name, value in body.items() if name != "@context"}
    if set(members) == {"@graph"}:
        graph = members["@graph"]
        nodes = graph if isinstance(graph, list) else [graph]
        if len(nodes) != 1 or not isinstance(nodes[0], Mapping):
            raise InvalidInput(
                "@graph has several nodes", remedy="send the message as one object, with its parts inside it"
            )
        members = dict(nodes[0])
    plain = _plain(members, names)
    version = names.version or _version_of_type(members, names)
    if version is not None:
        alone = _named_alone(context)
        return {"@context": context if alone else [version.context], **plain}
    return {**({} if context is None else {"@context": context}), **plain}


def _version_of_type(types: Mapping[str, Any], names: Names) -> DspVersion | None:
    """Return the version with the namespace of the type: an expanded message has no context."""
    for name, value in types.items():
        if names.iri(name) == "@type":
            several = value if isinstance(value, list) else [value]
            for kind in several:
                if isinstance(kind, str) and (version := of_version(kind)) is not None:
                    return version
    return None


def _plain(body: Mapping[str, Any], names: Names) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value_stated in body.items():
        iri = names.iri(name)
        if iri is None:
            continue  # The message's own context removes the meaning of this name.
        short = term(iri)
        if short in members:
            raise InvalidInput(f"{short[:80]} is given twice")
        if short.startswith("@"):
            members[short] = _keyword(short, value_stated, names)
        elif short in TERMS:
            kind = TERMS[short][1]
            value = _value(kind, value_stated, names, whole="://" in name)
            if kind is ValueForm.TERM:
                value = _word_of_odrl(short, value, names)
            if value != [] or short not in AT_LEAST_ONE:
                members[short] = value
        else:
            of_odrl = iri.startswith(ODRL)
            members[short] = (
                _literal(value_stated, names, whole="://" in name, of_odrl=True) if of_odrl else value_stated
            )
    return members


def _keyword(name: str, value: Any, names: Names) -> Any:
    if name not in _OF_A_NODE:
        raise InvalidInput(
            f"this node does not support {name[:80]} in a message",
            remedy="send the message in its compact or its expanded form, with one @context at its top",
        )
    single = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(single, str):
        return value
    if name == "@id":
        return names.reference(single)
    return local(names.iri(single) or single)


def _value(kind: ValueForm, value: Any, names: Names, *, whole: bool) -> Any:
    several = _members(value, names)
    match kind:
        case ValueForm.LIST:
            return [_node(item, names) for item in several]
        case ValueForm.ANYS:
            return [_literal(_bare(item, names), names) for item in several]
        case ValueForm.ANY:
            return _literal(value, names, whole=whole)
        case ValueForm.IDS if len(several) != 1:
            return [_identifier(item, names) for item in several]
        case ValueForm.IDS if isinstance(value, list) and not whole:
            return [_identifier(item, names) for item in value]
    item = several[0] if len(several) == 1 else value
    match kind:
        case ValueForm.OBJECT:
            return _node(item, names)
        case ValueForm.TEXT:
            return _bare(item, names)
        case ValueForm.ID | ValueForm.IDS:
            return _identifier(item, names)
        case _:
            members = _bare(item, names)
            return _word(members, names) if isinstance(members, str) and kind is not ValueForm.TERM else members


def _members(value: Any, names: Names) -> list[Any]:
    """Return the values of a member: of an array, of ``@list`` or ``@set``, or its single value."""
    several: list[Any] = []
    for item in value if isinstance(value, list) else [value]:
        inner = _only(item, names)
        if inner is not None and inner[0] in ("@list", "@set"):
            several += inner[1] if isinstance(inner[1], list) else [inner[1]]
        else:
            several.append(item)
    return several


def _only(value: Any, names: Names) -> tuple[str, Any] | None:
    """Return keyword and value of an object with one member."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    [(name, item)] = value.items()
    return names.iri(name) or "", item


def _node(value: Any, names: Names) -> Any:
    value = _bare(value, names)
    return _plain(value, names) if isinstance(value, Mapping) else value


def _bare(value: Any, names: Names) -> Any:
    """Return the value in ``{"@id": …}`` or ``{"@value": …}``."""
    if not isinstance(value, Mapping) or not value:
        return value
    members = {names.iri(name): item for name, item in value.items()}
    if "@value" in members and set(members) <= {"@value", "@type"}:
        return members["@value"]
    return members["@id"] if set(members) <= {"@id", "@type"} and "@id" in members else value


def _identifier(value: Any, names: Names) -> Any:
    value = _bare(value, names)
    return names.reference(value) if isinstance(value, str) else value


def _word(text: str, names: Names) -> str:
    """Return a state, an event, a format or a type of end point: a word of the protocol, without its namespace."""
    iri = names.iri(text) or text
    known = word(iri)
    return known if known != iri or text in names.terms else text


def _word_of_odrl(name: str, value: Any, names: Names) -> Any:
    """Return an action or operand with the prefix of ODRL, an operator without it."""
    if not isinstance(value, str):
        return value
    if name == "operator":
        bare = compact(names.iri(value) or value).removeprefix("odrl:")
        return bare if bare in OPERATORS else value
    if names.iri(value) == ODRL + value.removeprefix("odrl:"):
        return value
    whole = names.terms.get(value) or names.reference(value)
    # "use" is the only action or operand with a bare name in the protocol's context.
    return "use" if whole == f"{ODRL}use" else compact(whole)


def _literal(value: Any, names: Names, *, whole: bool = False, of_odrl: bool = False) -> Any:
    """Return a value unchanged, except that keywords and IRIs replace the message's own names for them. In an
    expanded message (``whole``) an array around one value and a lone ``@value`` are only its form, and are
    removed."""
    if isinstance(value, list):
        several = [_literal(item, names, whole=whole, of_odrl=of_odrl) for item in value]
        return several[0] if whole and len(several) == 1 else several
    if not isinstance(value, Mapping):
        return value
    members = {names.iri(name) or name: item for name, item in value.items()}
    if not set(members) <= _OF_A_VALUE:
        return value
    for keyword in ("@id", "@type"):
        if isinstance(members.get(keyword), str):
            members[keyword] = names.reference(members[keyword])
    for wrapper in ("@list", "@set"):
        if set(members) == {wrapper} and whole:
            return _literal(members[wrapper], names, of_odrl=of_odrl)
    if whole and set(members) == {"@value"} and isinstance(members["@value"], str):
        return members["@value"]
    if of_odrl and set(members) == {"@id"} and isinstance(members["@id"], str):
        return {"@id": compact(members["@id"])}
    return members


# ---- writing 2024/1 ------------------------------------------------------------------------------------------


def _with_prefixes(body: Mapping[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in body.items():
        prefix = term(name)
        if name == "@type" and isinstance(value, str):
            members[name] = f"{TYPES.get(value, 'dspace')}:{value}"
        elif prefix in TERMS:
            members[wire_name(prefix)] = _write_value(TERMS[prefix][1], value)
        else:
            members[name] = value
    return members


def _write_value(kind: ValueForm, value: Any) -> Any:
    match kind:
        case ValueForm.ID | ValueForm.WORD if isinstance(value, str):
            return {"@id": value}
        case ValueForm.IDS if isinstance(value, str):
            return {"@id": value}
        case ValueForm.IDS if isinstance(value, list):
            return [{"@id": item} if isinstance(item, str) else item for item in value]
        case ValueForm.STATE:
            return {"@id": f"dspace:{value}"}
        case ValueForm.TERM if isinstance(value, str):
            return {"@id": value if ":" in value else f"odrl:{value}"}
        case ValueForm.OBJECT:
            return _with_prefixes(value) if isinstance(value, Mapping) else value
        case ValueForm.LIST:
            several = value if isinstance(value, list) else [value]
            return [_with_prefixes(item) if isinstance(item, Mapping) else item for item in several]
        case _:
            return value
