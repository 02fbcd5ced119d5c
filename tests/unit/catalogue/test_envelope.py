"""The signed envelope: it opens as it was sealed, and nothing else opens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.errors import InvalidInput, LocalFault
from node.base.jsons import canonical
from node.catalogue.envelope import (
    TYPE,
    envelope_of,
    ledger_body,
    open_record,
    seal_record,
    sign,
    signature_of,
    signing_key,
    withdrawal_of,
)
from node.catalogue.feed.heads import Head, Restart, head_key, open_head, seal_head
from node.catalogue.model import Record
from node.identity.jose import b64url, unb64url
from node.semantics.model import File
from tests.fakes.catalogue import SigningKeys
from tests.fakes.keys import public_jwk

KEYS = SigningKeys("did:web:gent.example")
NQUADS = b'<https://gent.example/datasets/x> <http://purl.org/dc/terms/title> "x"@en .\n'
SHA256 = "ab8a2cf0ff6ad2ae6ee0d2f6a7a5ff1df1d9b1d8ac8a8a0e3f4ee0f3c8b3a000"


def record(**changes: Any) -> Record:
    from hashlib import sha256

    original = Record(
        iri="https://gent.example/datasets/x",
        version=3,
        kind="dataset",
        audience="public",
        titles={"nl": "Tellingen", "en": "Counts"},
        descriptions={"nl": 'met "aanhalingstekens" en ☃'},
        publisher="did:web:gent.example",
        publisher_name="Stad Gent",
        origin="did:web:gent.example",
        nquads=NQUADS,
        sha256=sha256(NQUADS).hexdigest(),
        at=datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC),
        by="els",
        offer={"@id": "https://gent.example/datasets/x#offer-1", "permission": [{"action": "odrl:use"}]},
        files=(File(name="a.csv", media_type="text/csv", size=8, sha256=SHA256, format="CSV", open=True),),
        keywords=("verkeer",),
        themes=("http://publications.europa.eu/resource/authority/data-theme/TRAN",),
        sealed=True,
        extra={"bbox": ["3.6", "51.0", "3.8", "51.1"]},
    )
    return replace(original, **changes)


def sealed(**changes: Any) -> str:
    return seal_record(KEYS, record(**changes))  # type: ignore[arg-type]


def resigned(change: Callable[[dict[str, Any]], Any], *, keys: SigningKeys = KEYS, typ: str = TYPE) -> str:
    """A JWS that verifies, over an envelope that somebody has changed."""
    envelope = envelope_of(record())
    changed = change(envelope)
    return keys.sign_jws({"typ": typ}, canonical(envelope if changed is None else changed))


def test_it_opens_as_it_was_sealed() -> None:
    opened = open_record(sealed(), NQUADS, public_jwk(KEYS))
    assert envelope_of(opened) == envelope_of(record())
    assert signature_of(opened) == signature_of(opened)
    assert opened.by == opened.origin
    assert signing_key(sealed()) == "did:web:gent.example#key-1"


def test_the_key_is_found_without_the_payload_which_is_refused_later() -> None:
    head, _, signature = sealed().split(".")
    broken = f"{head}.!.{signature}"
    assert signing_key(broken) == "did:web:gent.example#key-1"
    with pytest.raises(InvalidInput):
        open_record(broken, NQUADS, public_jwk(KEYS))
    with pytest.raises(InvalidInput):
        signing_key(f"!.{b64url(b'{}')}.{signature}")


def test_every_field_is_signed() -> None:
    """Changing any member of the envelope without the key is found out."""
    head, payload, signature = sealed().split(".")
    envelope = json.loads(unb64url(payload))
    for name in envelope:
        changed = {**envelope, name: {"x": "y"} if isinstance(envelope[name], dict) else "other"}
        forged = f"{head}.{b64url(canonical(changed))}.{signature}"
        with pytest.raises(InvalidInput):
            open_record(forged, NQUADS, public_jwk(KEYS))


def test_other_statements_do_not_fit() -> None:
    for nquads in (b"", NQUADS + NQUADS, NQUADS.replace(b'"x"', b'"y"')):
        with pytest.raises(InvalidInput, match="SHA-256"):
            open_record(sealed(), nquads, public_jwk(KEYS))


def test_other_keys_do_not_fit() -> None:
    other = public_jwk(SigningKeys("did:web:gent.example", "other"))
    keys = (
        other,
        {**public_jwk(KEYS), "use": "enc"},
        {**public_jwk(KEYS), "key_ops": ["sign"]},
        {**public_jwk(KEYS), "crv": "P-384"},
        {"kty": "oct", "k": "AAAA"},
        {},
    )
    for key in keys:
        with pytest.raises(InvalidInput):
            open_record(sealed(), NQUADS, key)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("offer"),
        lambda one: one.update(more=1),
        lambda one: one.update(version=0),
        lambda one: one.update(version=True),
        lambda one: one.update(version="1"),
        lambda one: one.update(version=2**40),
        lambda one: one.update(iri=""),
        lambda one: one.update(iri=None),
        lambda one: one.update(titles=["x"]),
        lambda one: one.update(titles={"en": 1}),
        lambda one: one.update(keywords="x"),
        lambda one: one.update(keywords=[1]),
        lambda one: one.update(files={}),
        lambda one: one.update(files=[{}]),
        lambda one: one["files"][0].update(size=-1),
        lambda one: one["files"][0].update(sha256="x"),
        lambda one: one["files"][0].update(source="file:///etc/passwd"),
        lambda one: one["files"][0].update(name=1),
        lambda one: one.update(offer=[]),
        lambda one: one.update(extra=[]),
        lambda one: one.update(extra={"signature": "x"}),
        lambda one: one.update(sealed="yes"),
        lambda one: one.update(at="yesterday"),
        lambda one: one.update(sha256="AB" * 32),
        lambda one: one.update(withdrawn=True),
        lambda one: one.update(origin="did:web:plzen.example"),
        lambda one: one.update(origin="did:web:gent.exampl"),
        lambda one: [one],
    ],
)
def test_signed_nonsense_is_nonsense(change: Callable[[dict[str, Any]], Any]) -> None:
    def applied(envelope: dict[str, Any]) -> Any:
        result = change(envelope)
        return result if isinstance(result, list) else None

    with pytest.raises(InvalidInput):
        open_record(resigned(applied), NQUADS, public_jwk(KEYS))


def test_another_type_or_form_of_signature_is_refused() -> None:
    good = sealed()
    head, payload, signature = good.split(".")
    hostile = (
        "",
        "a.b",
        good + ".x",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature}=",
        f"{head}.{payload}.{signature[:-2]}",
        f"{b64url(canonical({'alg': 'none', 'typ': TYPE, 'kid': 'did:web:gent.example#key-1'}))}.{payload}.",
        resigned(lambda one: None, typ="JWT"),
        KEYS.sign_jws({"typ": TYPE, "crit": ["x"]}, canonical(envelope_of(record()))),
        KEYS.sign_jws({"typ": TYPE, "kid": "key-1"}, canonical(envelope_of(record()))),
        KEYS.sign_jws({"typ": TYPE, "kid": "did:web:plzen.example#key-1"}, canonical(envelope_of(record()))),
        KEYS.sign_jws({"typ": TYPE}, json.dumps(envelope_of(record()), indent=1).encode()),
        "A" * 600_000,
    )
    for text in hostile:
        with pytest.raises(InvalidInput):
            open_record(text, NQUADS, public_jwk(KEYS))


def test_a_withdrawal_says_nothing_but_that_it_is_one() -> None:
    gone = withdrawal_of(record())
    opened = open_record(seal_record(KEYS, gone), b"", public_jwk(KEYS))  # type: ignore[arg-type]
    assert (opened.withdrawn, opened.version, opened.titles, opened.extra.keys()) == (True, 4, {}, {"signature"})


def test_where_files_lie_stays_out_of_the_envelope() -> None:
    here = record(files=(replace(record().files[0], source="https://intern.gent.example/a.csv"),))
    assert "intern" not in json.dumps(envelope_of(here))
    kept = sign(KEYS, here)  # type: ignore[arg-type]
    body = ledger_body(kept)
    assert body["local"] == {"sources": {"a.csv": "https://intern.gent.example/a.csv"}}
    again = open_record(body["signature"], body["nquads"].encode(), public_jwk(KEYS))
    assert again == replace(sign(KEYS, record()), by=again.by, extra=again.extra)  # type: ignore[arg-type]


def test_a_record_that_is_kept_without_its_signature_is_our_fault() -> None:
    with pytest.raises(LocalFault):
        signature_of(record())


def test_fractions_are_not_signed() -> None:
    with pytest.raises(InvalidInput, match="signed"):
        sealed(extra={"bbox": [3.6]})


HEAD = Head(origin=KEYS.did, audience="public", epoch=1, size=7, at=datetime(2026, 11, 20, tzinfo=UTC))


def test_heads_open_as_they_were_sealed() -> None:
    jws = seal_head(KEYS, HEAD)  # type: ignore[arg-type]
    assert open_head(jws, public_jwk(KEYS)) == HEAD
    assert head_key(jws) == f"{KEYS.did}#key-1"


def test_heads_say_what_they_commit_to() -> None:
    restarts = (Restart(1, 3, b"\x01" * 32),)
    head = replace(HEAD, root=b"\x02" * 32, restarts=restarts)
    assert open_head(seal_head(KEYS, head), public_jwk(KEYS)) == head  # type: ignore[arg-type]
    assert "root" not in json.loads(unb64url(seal_head(KEYS, HEAD).split(".")[1]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("restarts", "epoch", "size"),
    [
        ({1: 3}, 0, 3),
        ({}, 0, None),
        ({1: 3}, 1, None),
        ({1: 3, 2: 5}, 0, 3),
        ({1: 3, 2: 5}, 1, 5),
        ({1: 6, 2: 2}, 0, 2),
        ({2: 5}, 0, None),
    ],
)
def test_heads_say_how_much_of_an_epoch_was_kept(restarts: dict[int, int], epoch: int, size: int | None) -> None:
    said = tuple(Restart(each, size, b"\x01" * 32) for each, size in restarts.items())
    assert replace(HEAD, epoch=max(restarts, default=1), restarts=said).kept_since(epoch) == size


@pytest.mark.parametrize(
    "members",
    [
        {"size": -1},
        {"size": "7"},
        {"size": True},
        {"epoch": None},
        {"audience": 1},
        {"origin": "did:web:plzen.example"},
        {"at": "soon"},
        {"at": 1},
        {"root": "short"},
        {"root": None},
        {"restarts": {}},
        {"restarts": [7]},
        {"restarts": [{"epoch": 1, "size": 3}]},
        {"restarts": [{"epoch": 2, "size": 3, "root": "A" * 43 + "="}]},
        {"restarts": [{"epoch": 1, "size": 8, "root": "A" * 43 + "="}]},
        {"restarts": [{"epoch": 1, "size": True, "root": "A" * 43 + "="}]},
    ],
)
def test_heads_that_are_signed_but_not_right(members: dict[str, Any]) -> None:
    good = json.loads(unb64url(seal_head(KEYS, HEAD).split(".")[1]))  # type: ignore[arg-type]
    jws = KEYS.sign_jws({"typ": "hansa-feed+jws"}, canonical({**good, **members}))
    with pytest.raises(InvalidInput):
        open_head(jws, public_jwk(KEYS))
    with pytest.raises(InvalidInput, match="type"):
        open_head(sealed(), public_jwk(KEYS))
