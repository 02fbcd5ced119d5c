"""The meaning of names in a JSON-LD message: reads its ``@context`` without loading anything (JSON-LD 1.1 §3.1).

A context that a message names by its address is never fetched. The contexts of the protocol are known as facts
(``node.vocab.dsp``). A context inside the message is read as far as messages need it: prefixes, terms, ``@vocab``
and aliases of keywords. Anything that needs a full processor of JSON-LD, or that would have to be loaded
(``@import``, contexts within terms, ``@reverse``, ``@nest``, ``@base``), is refused with an explanation.

If a message names the context of 2025-1, no other definition in the message changes the terms of that context: they
are protected, and those of rules and offers are scoped to the types of messages, so they are applied after all
others (JSON-LD 1.1 §4.1.8, §4.1.11). Otherwise a context could hide a rule from some readers and not from others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import InvalidInput
from node.dialogue.terms import BY_IRI, WORDS, local
from node.vocab.dsp import CONTEXTS, V2025_1, VERSIONS, DspVersion

MAX_TERMS: Final = 500
"""The number of terms that the contexts of one message may define."""

_MAX_CHAIN: Final = 8
"""The longest chain of terms that a term may be defined by."""

MAX_LENGTH: Final = 2048
"""The characters that a namespace, the vocabulary, or the IRI of a term may have."""

MAX_WHOLE: Final = 2 * MAX_LENGTH
"""The characters that an expanded name or identifier may have."""

MAX_GROWTH: Final = 4 << 20
"""The characters that the expansion of all names and identifiers may add to one message. The reason for the limit: a
prefix of one letter may stand for two thousand characters, and may be used a hundred thousand times."""

_OF_A_STANDARD: Final = 64
"""A name that grows by at most this many characters is not counted: namespaces of vocabularies are no longer than
this, and large catalogues have many names."""

_IN_A_CONTEXT: Final = frozenset({"@version", "@protected", "@vocab", "@language", "@direction", "@propagate"})
_IN_A_TERM: Final = frozenset(
    {"@id", "@type", "@container", "@language", "@direction", "@protected", "@prefix", "@index"}
)
_CONTAINERS: Final = frozenset({"@set", "@list"})
_ALIASED: Final = frozenset({"@id", "@type", "@value", "@list", "@set", "@language"})


class Room:
    """The rest of ``MAX_GROWTH`` for one message."""

    def __init__(self) -> None:
        self._left = MAX_GROWTH

    def count_expansion(self, name: str, whole: str) -> str:
        """Count the expansion of ``name`` to ``whole``, and return ``whole``. Raises ``InvalidInput`` if it is too
        long."""
        growth = len(whole) - len(name)
        if growth > _OF_A_STANDARD:
            self._left -= growth
            if self._left < 0:
                raise InvalidInput(f"the names in this message expand to more than {MAX_GROWTH} characters in total")
            if len(whole) > MAX_WHOLE:
                raise InvalidInput(f"{name[:80]} expands to more than {MAX_WHOLE} characters")
        return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The meanings of names in one message.

    ``terms`` maps the terms that the message itself defines to IRIs, to keywords, or to None if the message removes
    their meaning; ``vocab`` is the prefix of all other bare names. ``version`` is the version of the protocol that
    the contexts name. ``protocol_names`` are the names with the meaning of the protocol, which the message cannot
    change.
    """

    terms: Mapping[str, str | None] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    vocab: str | None = None
    version: DspVersion | None = None
    protocol_names: frozenset[str] = frozenset()
    room: Room = field(default_factory=Room, compare=False, repr=False)

    def iri(self, name: str) -> str | None:
        """Return the IRI or keyword that ``name`` stands for, or None; an undefined bare name is returned
        unchanged."""
        if name.startswith("@") or name in self.protocol_names:
            return name
        if name in self.terms:
            meant = self.terms[name]
            return None if meant is None else self.room.count_expansion(name, meant)
        if ":" in name:
            prefix = name.partition(":")[0]
            return self._whole(name, self.terms.get(prefix) or self.prefixes.get(prefix))
        return self.room.count_expansion(name, self.vocab + name) if self.vocab else name

    def reference(self, text: str) -> str:
        """Return an identifier, with a prefix of the message's own written out. Prefixes of the protocol stay."""
        return self._whole(text, self.terms.get(text.partition(":")[0])) if ":" in text else text

    def _whole(self, name: str, namespace: str | None) -> str:
        rest = name.partition(":")[2]
        if not namespace or namespace.startswith("@") or rest.startswith("//"):
            return name
        return self.room.count_expansion(name, namespace + rest)


def names_in(context: Any) -> Names:
    """Return the names that ``@context`` defines. Raises ``InvalidInput`` for a context that would have to be loaded
    or is not supported. A context with an unknown address is ignored beside one of the protocol's own, because the
    terms of the protocol's context are protected (JSON-LD 1.1 §4.1.11)."""
    parts = context if isinstance(context, list) else [context]
    contexts = [context for context in parts if isinstance(context, str) and context in CONTEXTS]
    prefixes = dict(CONTEXTS[V2025_1.context])
    for address in contexts:
        prefixes |= CONTEXTS[address]
    definitions: dict[str, Any] = {}
    vocab: str | None = None
    for part in parts:
        match part:
            case None:
                continue
            case str():
                if part not in CONTEXTS and not contexts:
                    raise _unknown(part)
            case Mapping():
                vocab = _vocab(part, vocab)
                definitions |= {name: meaning for name, meaning in part.items() if not name.startswith("@")}
            case _:
                raise InvalidInput("@context holds something that is neither an address nor an object")
    if len(definitions) > MAX_TERMS:
        raise InvalidInput(f"@context defines more than {MAX_TERMS} terms")
    terms = {name: _check_length_if_any(name, _meaning(name, definitions, prefixes, vocab)) for name in definitions}
    words = WORDS if V2025_1.context in contexts else frozenset()
    terms = {name: meaning for name, meaning in terms.items() if name not in words}
    if contexts:
        _check_protected(terms, prefixes)
    _check_whole(terms, prefixes)
    return Names(terms=terms, prefixes=prefixes, vocab=vocab, version=version_named(context), protocol_names=words)


def version_named(context: Any) -> DspVersion | None:
    """Return the version that a ``@context`` names: by its address, or by the namespace of a prefix or a term."""
    entries = context if isinstance(context, list) else [context]
    for version in VERSIONS.values():
        for entry in entries:
            if isinstance(entry, Mapping):
                if any(named.startswith(version.namespace) for named in _context_names(entry)):
                    return version
            elif entry == version.context:
                return version
    return None


def _context_names(context: Mapping[str, Any]) -> Iterator[str]:
    for value in context.values():
        named = value.get("@id") if isinstance(value, Mapping) else value
        if isinstance(named, str):
            yield named


def _vocab(context: Mapping[str, Any], before: str | None) -> str | None:
    for name, value in context.items():
        if name.startswith("@") and name not in _IN_A_CONTEXT:
            raise InvalidInput(
                f"@context has {name[:80]}, which this node does not support",
                remedy="write identifiers in full, and send the terms themselves: no context is loaded here",
            )
        if name == "@vocab" and value is not None and not isinstance(value, str):
            raise InvalidInput("@vocab must be an IRI or null")
        if name == "@version" and value != 1.1:
            raise InvalidInput("@context is not JSON-LD 1.1")
    vocab: str | None = context.get("@vocab", before)
    return _check_length_if_any("@vocab", vocab)


def _check_length_if_any(name: str, iri: str | None) -> str | None:
    return None if iri is None else _check_length(name, iri)


def _check_length(name: str, iri: str) -> str:
    if len(iri) > MAX_LENGTH:
        raise InvalidInput(f"@context: {name[:80]} expands to more than {MAX_LENGTH} characters")
    return iri


def _meaning(name: str, definition: Mapping[str, Any], prefixes: Mapping[str, str], vocab: str | None) -> str | None:
    """Return the IRI or keyword that defines the term ``name``, possibly through other terms."""
    at, rest = name, ""
    for _ in range(_MAX_CHAIN):
        meaning = definition.get(at)
        if at not in definition:
            # Not a term of this message: a prefix of the protocol, a scheme, or a word of the vocabulary.
            known = prefixes.get(at)
            return known + rest if known is not None else _word(f"{at}:{rest}" if rest else at, vocab)
        if meaning is None:
            return None
        target = _definition_iri(at, meaning)
        if target.startswith("@"):
            if rest or target not in _ALIASED:
                raise InvalidInput(
                    f"@context gives {at[:80]} a meaning that this node does not support: {target[:80]}"
                )
            return target
        if ":" not in target:
            if target == at:
                return _word(target + rest, vocab)
            at = target
            continue
        prefix, _, local = target.partition(":")
        if local.startswith("//") or (prefix not in definition and prefix not in prefixes):
            return target + rest
        if prefix == at:
            raise InvalidInput(f"@context defines {at[:80]} by itself")
        at, rest = prefix, local + rest
    raise InvalidInput(f"@context defines {name[:80]} over too many others, or in a circle")


def _word(name: str, vocab: str | None) -> str:
    return vocab + name if vocab and ":" not in name else name


def _definition_iri(name: str, definition: Any) -> str:
    if isinstance(definition, str):
        return _check_length(name, definition)
    if not isinstance(definition, Mapping):
        raise InvalidInput(f"@context: {name[:80]} must be an IRI or an object")
    for member, value in definition.items():
        if member not in _IN_A_TERM:
            raise InvalidInput(
                f"@context: {name[:80]} has {member[:80]}, which this node does not support",
                remedy="define terms by their IRIs, or send the message in the compact form of the standard",
            )
        several = value if isinstance(value, list) else [value]
        if member == "@container" and not all(
            isinstance(container, str) and container in _CONTAINERS for container in several
        ):
            raise InvalidInput(f"@context: {name[:80]} has a container other than @set and @list")
    target = definition.get("@id", name)
    if not isinstance(target, str):
        raise InvalidInput(f"@context: {name[:80]} must be an IRI or an object")
    return _check_length(name, target)


def _check_protected(terms: Mapping[str, str | None], prefixes: Mapping[str, str]) -> None:
    for name, namespace in prefixes.items():
        if terms.get(name, namespace) != namespace:
            raise _taken_away(name)
    for name in WORDS & terms.keys():
        meant = terms[name]
        if meant is None or BY_IRI.get(meant, local(meant)) != name:
            raise _taken_away(name)


def _taken_away(name: str) -> InvalidInput:
    return InvalidInput(f"@context gives {name} another meaning, which the protocol's context protects")


def _check_whole(terms: Mapping[str, str | None], prefixes: Mapping[str, str]) -> None:
    """Raise ``InvalidInput`` if a name with a prefix, or an IRI, is defined as anything but its own expansion
    (JSON-LD 1.1 API §4.2.2, 14.2.5)."""
    bare = Names(terms={name: meant for name, meant in terms.items() if ":" not in name}, prefixes=prefixes)
    for name, meant in terms.items():
        if ":" in name and meant != bare.iri(name):
            raise InvalidInput(f"@context gives {name[:80]} a meaning that differs from its own")


def _unknown(address: str) -> InvalidInput:
    return InvalidInput(
        f"this node does not know the context {address[:200]} and loads no contexts",
        remedy=f'send "@context": ["{V2025_1.context}"], or the terms of yours as an object in @context',
    )
