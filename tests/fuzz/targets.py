"""Every parser of bytes that strangers send, as a function of bytes, with seeds that reach its branches.

A target may refuse its input with an error of ``node.base.errors``; every other exception is a fault of ours. To add
a parser, write a function and give it its seeds: ``make fuzz`` and ``tests/property/test_fuzz_targets.py`` run all.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import HansaError


@dataclass(frozen=True, slots=True)
class Target:
    """``read`` is given arbitrary bytes. ``module`` is the one whose branches the fuzzer follows."""

    module: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


TARGETS: Final[dict[str, Target]] = {}


def target(
    module: str, *seeds: bytes | str | dict[str, Any] | list[Any]
) -> Callable[[Callable[[bytes], object]], Any]:
    """Put the function into ``TARGETS`` by its name."""

    def put(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[read.__name__] = Target(module, read, tuple(_bytes(seed) for seed in seeds))
        return read

    return put


def refused(read: Callable[[bytes], object], data: bytes) -> bool:
    """Whether ``read`` refuses ``data`` in our own words. Any other exception goes on to the caller."""
    try:
        read(data)
    except HansaError:
        return True
    return False


def _bytes(seed: bytes | str | dict[str, Any] | list[Any]) -> bytes:
    if isinstance(seed, bytes):
        return seed
    return seed.encode() if isinstance(seed, str) else json.dumps(seed).encode()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _object(data: bytes) -> dict[str, Any]:
    from node.base.jsons import read_object

    return read_object(data)


def _token(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), b"s" * 64)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


_DID: Final = "did:web:ghent.example"
_HEADER: Final = {"alg": "ES256", "kid": f"{_DID}#key-1"}
_CONTEXT: Final = ["https://w3id.org/dspace/2025/1/context.jsonld"]
_RULE: Final = {
    "action": "use",
    "constraint": [
        {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2027-12-31T00:00:00Z"},
        {
            "or": [
                {"leftOperand": "count", "operator": "lteq", "rightOperand": {"@value": "5", "@type": "xsd:integer"}}
            ]
        },
    ],
    "duty": [{"action": "delete"}],
}
_OFFER: Final = {"@type": "Offer", "@id": "urn:uuid:1", "target": "https://ghent.example/x", "permission": [_RULE]}
_ADDRESS: Final = {
    "@type": "DataAddress",
    "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
    "endpoint": "https://ghent.example/data/1",
    "endpointProperties": [
        {"@type": "EndpointProperty", "name": "authorization", "value": "abc"},
        {"@type": "EndpointProperty", "name": "authType", "value": "bearer"},
    ],
}


@target("node.base.jsons", {"a": [1, 2.5, None, True, "é"]}, "[1e308]", '{"a": 1, "a": 2}', "[[[[]]]]")
def json_text(data: bytes) -> object:
    """Any body."""
    from node.base.jsons import read_json

    return read_json(data)


@target(
    "node.dialogue.wire",
    {
        "@context": _CONTEXT,
        "@type": "ContractRequestMessage",
        "consumerPid": "urn:uuid:2",
        "callbackAddress": "https://ghent.example/dsp",
        "offer": _OFFER,
    },
    {
        "@context": {"dspace": "https://w3id.org/dspace/2024/1/"},
        "@type": "dspace:ContractNegotiationTerminationMessage",
        "dspace:consumerPid": {"@id": "x"},
        "dspace:providerPid": {"@id": "y"},
        "dspace:reason": [{"@value": "because", "@language": "en"}],
    },
    [{"@type": ["https://w3id.org/dspace/2025/1/ContractRequestMessage"]}],
)
def protocol_message(data: bytes) -> object:
    """A message of the Dataspace Protocol, in any form of JSON-LD."""
    from node.negotiation import machine
    from node.negotiation.messages import read

    return read(data, machine.REQUEST, machine.OFFER, machine.AGREEMENT, machine.TERMINATION)


@target("node.policy.odrl", _OFFER, {"@type": "Set", "prohibition": {"action": "distribute"}, "conflict": "perm"})
def policy(data: bytes) -> object:
    """An ODRL policy."""
    from node.policy.odrl import normal, parse

    document = _object(data)
    return parse(document), normal(document)


@target("node.transfer.addresses", _ADDRESS, {**_ADDRESS, "endpointProperties": [{"name": 1}]})
def data_address(data: bytes) -> object:
    """Where bytes are to be fetched from, or pushed to."""
    from node.transfer.addresses import read_address, read_push_address

    address = _object(data)
    return refused(lambda _: read_address(address), b""), refused(lambda _: read_push_address(address), b"")


@target("node.identity.jose", _token(_HEADER, {"iss": _DID}), "a.b.c", "..")
def signed_token(data: bytes) -> object:
    """A compact JWS."""
    from node.identity.jose import read_jws

    return read_jws(_text(data)).claims()


@target(
    "node.identity.credentials.credentials",
    _token(
        {**_HEADER, "typ": "vc+jwt"},
        {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "id": "urn:uuid:3",
            "type": ["VerifiableCredential", "MembershipCredential"],
            "issuer": _DID,
            "credentialSubject": {"id": _DID},
        },
    ),
    _token(_HEADER, {"iss": _DID, "vc": {"type": ["VerifiableCredential"], "credentialSubject": {}}}),
)
def credential(data: bytes) -> object:
    """A credential of either data model, as a JWT."""
    from node.identity.credentials.credentials import read_credential

    return read_credential(_text(data))


@target(
    "node.identity.credentials.status",
    "u" + base64.urlsafe_b64encode(gzip.compress(bytes(16384))).rstrip(b"=").decode(),
    base64.urlsafe_b64encode(gzip.compress(b"\x01")).decode(),
)
def status_list(data: bytes) -> object:
    """The bits of a status list."""
    from node.identity.credentials.status import decode

    return decode(_text(data))


@target(
    "node.identity.did",
    {"id": _DID, "verificationMethod": [{"id": "#key-1", "publicKeyJwk": {"kty": "EC"}}], "service": []},
)
def did_document(data: bytes) -> object:
    """Somebody's DID document."""
    from node.identity.did import check_document

    return check_document(_DID, _object(data))


@target("node.identity.did", _DID, "did:web:127.0.0.1%3A8101:a:b", "did:web:[::1]")
def did(data: bytes) -> object:
    """A DID."""
    from node.identity.did import base_url

    return base_url(_text(data), allow_loopback_http=True, ports=range(1, 65536))


@target(
    "node.exchange.age_header",
    b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n",
)
def age_header(data: bytes) -> object:
    """The header of a sealed file."""
    from node.exchange.age_header import find_header, read_header

    found = find_header(data, complete=True)
    return found, read_header(data)


@target("node.exchange.manifest", _token({**_HEADER, "typ": "hansa-manifest+jwt"}, {"size": 1, "sha256": "00"}))
def manifest(data: bytes) -> object:
    """The manifest that closes a transfer."""
    from node.exchange.manifest import read_kept

    return read_kept(_text(data))


@target("node.evidence.archive", b"PK\x05\x06" + bytes(18))
def evidence(data: bytes) -> object:
    """The file of an agreement."""
    from node.evidence.archive import unpack

    return unpack(data)


@target("node.ledger.checkpoints", "ghent.example\n12\n" + "A" * 43 + "=\n\n— ghent.example AAAAAAAA\n")
def checkpoint(data: bytes) -> object:
    """A signed note."""
    from node.ledger.checkpoints import open_note

    return open_note(_text(data), ())


@target(
    "federation.replicate.pages",
    "<https://ghent.example/feed> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
    " <https://w3id.org/ldes#EventStream> .\n"
    "<https://ghent.example/feed> <https://w3id.org/tree#relation> _:r .\n"
    "_:r <https://w3id.org/tree#node> <https://ghent.example/feed/public> .\n",
)
def feed_page(data: bytes) -> object:
    """A page of another node's feed."""
    from federation.replicate.pages import read_page

    return read_page("https://ghent.example/feed", data)


@target("node.catalogue.envelope", _token({**_HEADER, "typ": "hansa-record+jws"}, {"iri": "https://ghent.example/x"}))
def record_envelope(data: bytes) -> object:
    """The signed envelope of a record."""
    from node.catalogue.envelope import signing_key

    return signing_key(_text(data))


@target("node.catalogue.nquads", '<a:b> <a:c> "x"@nl-be <a:g> .\n_:b <a:c> "1"^^<a:int> .\n')
def statements(data: bytes) -> object:
    """Lines of N-Quads, read without an RDF engine."""
    from node.catalogue.nquads import statements as read

    return list(read(data))


@target(
    "node.semantics.documents",
    "@prefix dct: <http://purl.org/dc/terms/> . <a:b> dct:title 'x'@nl ; dct:issued '2026-01-01' .",
    "<a:b> a <a:c> ; <a:d> [ <a:e> ( 1 2.5 true ) ] .",
)
def turtle(data: bytes) -> object:
    """A description in Turtle, to its canonical form."""
    return _document(data, "text/turtle")


@target("node.semantics.documents", {"@context": {"t": "http://purl.org/dc/terms/title"}, "@id": "a:b", "t": "x"})
def json_ld(data: bytes) -> object:
    """A description in JSON-LD."""
    return _document(data, "application/ld+json")


@target(
    "node.semantics.documents",
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:d="http://purl.org/dc/terms/">'
    '<rdf:Description rdf:about="a:b"><d:title xml:lang="nl">x</d:title></rdf:Description></rdf:RDF>',
)
def rdf_xml(data: bytes) -> object:
    """A description in RDF/XML."""
    return _document(data, "application/rdf+xml")


def _document(data: bytes, media_type: str) -> object:
    from node.semantics.documents import canonical, parse

    return canonical(parse(data[:20_000], media_type, base="https://ghent.example/x"))


@target(
    "node.semantics.sparql",
    "SELECT * WHERE { ?s ?p ?o FILTER(?o > 3) } LIMIT 5",
    "PREFIX a: <b:> ASK { SERVICE <x:y> { ?s a:b 'x' } }",
    "DESCRIBE <a:b> # comment",
)
def query(data: bytes) -> object:
    """A SPARQL query before it is evaluated."""
    from node.semantics.sparql import guard

    return guard(_text(data))


@target("node.scenarios.tables.units", "km/h", "{vehicles}/(15.min)", "dB(A)", "m2.s-1", "10*3/uL")
def unit(data: bytes) -> object:
    """A unit in UCUM."""
    from node.scenarios.tables.units import parse

    return parse(_text(data))


@target(
    "node.scenarios.tables.mapping_grammar",
    {
        "step": "PT15M",
        "units": {"count": "{vehicles}/(15.min)", "speed": "km/h"},
        "group": ["segment", "part"],
        "part": {"of": "quarter", "parts": {"day": ["07:00", "23:00"], "night": ["23:00", "07:00"]}},
        "flow": {"sum": "count", "where": {"kind": ["car", "van"]}, "per": "hour", "unit": "{vehicles}/h"},
        "mean": {"mean": "speed", "weighted_by": "count", "unit": "km/h", "decimals": 1},
    },
)
def column_mapping(data: bytes) -> object:
    """A transformation as a table of columns."""
    from node.scenarios.tables.mapping_grammar import parse_mapping

    return parse_mapping(_object(data))


@target(
    "node.scenarios.layers.serialization",
    {
        "id": "a",
        "title": "t",
        "target": "https://ghent.example/x",
        "version": 1,
        "file": "x.csv",
        "target_sha256": "0" * 64,
        "key": "id",
        "author": "els",
        "reason": "r",
        "at": "2026-01-01T00:00:00Z",
        "operations": [{"op": "update", "id": "1", "set": {"a": 1}}],
    },
)
def change_layer(data: bytes) -> object:
    """A change layer."""
    from node.scenarios.layers.serialization import layer_from_json

    return layer_from_json(_object(data))


@target("node.scenarios.runs.request", {"scenario": "https://ghent.example/s", "inputs": {"a": {"dataset": "x"}}})
def binding(data: bytes) -> object:
    """What somebody wants to run."""
    from node.scenarios.runs.request import binding_request

    return binding_request(_object(data), "https://ghent.example")


@target("node.web.data", "bytes=0-9", "bytes=-5", "bytes=5-", "items=1-2", "bytes=0-1,4-5")
def byte_range(data: bytes) -> object:
    """A Range header."""
    from node.web.data import read_range

    return read_range(data.decode("latin-1"), 100)


@target("node.portal.accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "application/json;q=x")
def accepted(data: bytes) -> object:
    """An Accept header."""
    from node.portal.accept import prefers_page

    return prefers_page(data.decode("latin-1"))


@target(
    "node.semantics.json_rows",
    '[{"a": 1}, {"a": "é"}]',
    '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"a": 1}}]}',
)
def json_rows(data: bytes) -> object:
    from node.semantics import json_rows as reader

    return list(reader.rows(io.BytesIO(data)))


@target(
    "node.adapters.datasources.brokers.kafka.records",
    bytes.fromhex("0000000000000000000000390000000002") + bytes(48),
    gzip.compress(b"records"),
)
def kafka_batches(data: bytes) -> object:
    """Batches of records of Kafka, as they are sent and with a checksum that fits."""
    from aiokafka.record.util import calc_crc32c

    from node.adapters.datasources.brokers.kafka.records import batches

    body = data[:40].ljust(40, b"\0") + data[40:]
    frame = bytes(8) + (9 + len(body)).to_bytes(4) + b"\0\0\0\0\2" + calc_crc32c(body).to_bytes(4) + body
    count = 0
    for content in (data, frame):
        for batch in batches(content):
            for _ in batch.records():
                count += 1
                if count > 1000:
                    return count
    return count
