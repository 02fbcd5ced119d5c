"""Credentials and presentations: one good thing, single faults, each refused for its own reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from node.base.clock import stamp
from node.base.errors import InvalidInput, Unauthenticated
from node.identity.credentials.credentials import (
    Statement,
    Unacceptable,
    issue_credential,
    profile_of,
    read_credential,
    status_member,
    verify_credential,
)
from node.identity.credentials.presentations import make_presentation, read_presentation, verify_presentation
from node.identity.credentials.schemas import check_schema
from node.identity.credentials.status import entry_for
from node.identity.documents import UnknownKey
from node.identity.jose import b64url, read_jws
from node.identity.messages import VC11, VC20
from node.identity.model import Credential, DidDocument
from tests.artefacts import data
from tests.simulator.peer_documents import NOW, VC1, VC2, Participant

ME = "did:web:me.example"
REGION = Participant("region.example", issuer=True)
OTHER = Participant("other.example", issuer=True)
HOLDER = Participant("holder.example")
DAY = timedelta(days=1)


def document(of: Participant) -> DidDocument:
    return DidDocument(id=of.did, raw=of.document())


def verify(jwt: str, *, issuer: Participant = REGION, holder: str = HOLDER.did) -> Credential:
    return verify_credential(read_credential(jwt), issuer=document(issuer), holder=holder, now=NOW)


class TestGoodCredentials:
    def test_data_model_2(self) -> None:
        entry = REGION.status_entry(7)
        credential = verify(REGION.credential(HOLDER.did, status=entry))
        assert credential.types == ("MembershipCredential",)
        assert (credential.issuer, credential.subject) == (REGION.did, HOLDER.did)
        assert credential.claims == {"legalName": "Stad"}
        assert credential.valid_from == NOW - timedelta(hours=1)
        assert credential.valid_until == NOW + 30 * DAY
        assert status_member(credential) == entry

    def test_data_model_1_as_the_conformance_kit_makes_it(self) -> None:
        credential = verify(REGION.elder_credential(HOLDER.did, body={"expirationDate": None}, jti="a-number"))
        assert credential.types == ("MembershipCredential",)
        assert credential.claims == {"foo": "bar"}

    @pytest.mark.parametrize("profile", [VC20, VC11])
    def test_what_we_issue_verifies(self, profile: str) -> None:
        statement = Statement(
            id="urn:uuid:1",
            type="MembershipCredential",
            subject=HOLDER.did,
            claims={"legalName": "Stad Gent"},
            valid_from=NOW,
            valid_until=NOW + DAY,
            status=[entry_for("https://region.example/status/1", 5)],
        )
        jwt = issue_credential(REGION.keyring, statement, profile=profile)
        credential = verify(jwt)
        assert credential.id == "urn:uuid:1"
        assert credential.claims == {"legalName": "Stad Gent"}
        assert credential.valid_until == NOW + DAY
        assert profile_of(jwt) == profile
        assert read_jws(jwt).typ == ("vc+jwt" if profile == VC20 else "jwt")

    def test_an_unknown_profile_is_not_issued(self) -> None:
        statement = Statement(
            id="a", type="b", subject="c", claims={}, valid_from=NOW, valid_until=NOW + DAY, status=[]
        )
        with pytest.raises(InvalidInput):
            issue_credential(REGION.keyring, statement, profile="vc11-sl2021/ldp")

    def test_several_status_entries_are_kept(self) -> None:
        entries = [REGION.status_entry(1), REGION.status_entry(2, statusPurpose="suspension")]
        assert status_member(verify(REGION.credential(HOLDER.did, status=entries))) == entries

    def test_issuer_as_object_and_type_as_text(self) -> None:
        jwt = REGION.credential(HOLDER.did, issuer={"id": REGION.did, "name": "Regio"}, type="MembershipCredential")
        assert verify(jwt).issuer == REGION.did


def context(value: Any) -> dict[str, Any]:
    return {"@context": value}


FAULTS: dict[str, Callable[[], str]] = {
    "expired by validUntil": lambda: REGION.credential(HOLDER.did, validUntil=stamp(NOW), exp=None),
    "expired by exp alone": lambda: REGION.credential(HOLDER.did, exp=int(NOW.timestamp())),
    "not yet valid by validFrom": lambda: REGION.credential(HOLDER.did, validFrom=stamp(NOW + DAY)),
    "not yet valid by nbf alone": lambda: REGION.credential(HOLDER.did, nbf=int((NOW + DAY).timestamp())),
    "issued in the future": lambda: REGION.credential(HOLDER.did, iat=int((NOW + DAY).timestamp())),
    "date is no date": lambda: REGION.credential(HOLDER.did, validUntil="soon"),
    "exp is text": lambda: REGION.credential(HOLDER.did, exp="soon"),
    "exp is out of range": lambda: REGION.credential(HOLDER.did, exp=10**20),
    "elder, expired by expirationDate though exp is not": lambda: REGION.elder_credential(
        HOLDER.did, body={"expirationDate": stamp(NOW - DAY)}
    ),
    "elder, expired by exp though expirationDate is not": lambda: REGION.elder_credential(
        HOLDER.did, exp=int(NOW.timestamp()) - 1
    ),
    "elder, issued in the future": lambda: REGION.elder_credential(
        HOLDER.did, body={"issuanceDate": stamp(NOW + DAY)}
    ),
    "elder, without any beginning": lambda: REGION.elder_credential(
        HOLDER.did, body={"issuanceDate": None}, nbf=None, iat=None
    ),
    "about another": lambda: REGION.credential(OTHER.did),
    "about another in sub only": lambda: REGION.credential(HOLDER.did, sub=OTHER.did),
    "about another in one of two subjects": lambda: REGION.credential(
        HOLDER.did, credentialSubject=[{"id": HOLDER.did}, {"id": OTHER.did}]
    ),
    "about nobody": lambda: REGION.credential(HOLDER.did, credentialSubject={"legalName": "Stad"}),
    "no subject": lambda: REGION.credential(HOLDER.did, credentialSubject=None),
    "subject is text": lambda: REGION.credential(HOLDER.did, credentialSubject=HOLDER.did),
    "subjects are none": lambda: REGION.credential(HOLDER.did, credentialSubject=[]),
    "no issuer": lambda: REGION.credential(HOLDER.did, issuer=None),
    "issuer is no DID": lambda: REGION.credential(HOLDER.did, issuer="https://region.example", iss=None),
    "issuer and iss differ": lambda: REGION.credential(HOLDER.did, iss=OTHER.did),
    "id and jti differ": lambda: REGION.credential(HOLDER.did, jti="other"),
    "no type": lambda: REGION.credential(HOLDER.did, type=None),
    "type is a number": lambda: REGION.credential(HOLDER.did, type=[1]),
    "status is text": lambda: REGION.credential(HOLDER.did, status="revoked"),
    "context of another data model": lambda: REGION.credential(HOLDER.did, **context([VC1])),
    "contexts in another order": lambda: REGION.credential(HOLDER.did, **context(["https://x.example", VC2])),
    "no context": lambda: REGION.credential(HOLDER.did, **context(None)),
    "typ of a token": lambda: REGION.credential(HOLDER.did, header={"typ": "at+jwt"}),
    "typ of a presentation": lambda: REGION.credential(HOLDER.did, header={"typ": "vp+jwt"}),
    "both data models at once": lambda: REGION.credential(HOLDER.did, vc={"type": ["X"]}),
    "vc is text": lambda: REGION.elder_credential(HOLDER.did, vc="x"),
    "a vp claim": lambda: REGION.credential(HOLDER.did, vp={}),
    "a self-issued token": lambda: REGION.token(ME),
    "signed by another": lambda: OTHER.credential(
        HOLDER.did, issuer=REGION.did, iss=REGION.did, header={"kid": f"{REGION.did}#key-1"}
    ),
    "signed by another, who says so": lambda: OTHER.credential(HOLDER.did, issuer=REGION.did, iss=REGION.did),
    "signed with the sealing key's id": lambda: REGION.credential(HOLDER.did, header={"kid": f"{REGION.did}#seal-1"}),
    "not signed": lambda: REGION.credential(HOLDER.did).rpartition(".")[0] + ".",
    "alg none": lambda: REGION.credential(HOLDER.did, header={"alg": "none"}),
    "payload changed": lambda: _changed(REGION.credential(HOLDER.did)),
    "no JWT": lambda: "x",
    "longer than 64 KiB": lambda: REGION.credential(HOLDER.did, subject={"legalName": "x" * 70000}),
}


def _changed(jwt: str) -> str:
    head, payload, signature = jwt.split(".")
    claims = read_jws(jwt).claims()
    claims["credentialSubject"]["legalName"] = "Dorp"
    assert payload != b64url(json.dumps(claims).encode())
    return f"{head}.{b64url(json.dumps(claims).encode())}.{signature}"


class TestSingleFaults:
    @pytest.mark.parametrize("name", FAULTS)
    def test_refused(self, name: str) -> None:
        with pytest.raises(Unacceptable):
            verify(FAULTS[name]())

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda: REGION.credential(HOLDER.did, issuer="x", iss="x"), "is not a DID"),
            (
                lambda: OTHER.credential(HOLDER.did, issuer=REGION.did, iss=REGION.did),
                "another party than its issuer",
            ),
            (lambda: REGION.elder_credential(HOLDER.did, credentialSubject={}), "both data models"),
            (lambda: REGION.elder_credential(HOLDER.did, **context([VC2])), "both data models"),
            (lambda: REGION.sign({"typ": "at+jwt"}, {"iss": REGION.did, "vc": {"type": ["X"]}}), "typ does not fit"),
            (lambda: REGION.elder_credential(HOLDER.did, body={"id": 7}), "two ids"),
            (lambda: REGION.credential(HOLDER.did, exp=True), "not a date"),
        ],
    )
    def test_the_reason_is_the_first_that_applies(self, make: Any, reason: str) -> None:
        with pytest.raises(Unacceptable, match=reason):
            verify(make())

    def test_one_that_never_expires(self) -> None:
        assert verify(REGION.credential(HOLDER.did, validUntil=None, exp=None)).valid_until is None

    @pytest.mark.parametrize("value", [None, 1, {}, ["a"]])
    def test_what_is_no_text(self, value: Any) -> None:
        with pytest.raises(Unacceptable):
            read_credential(value)

    def test_a_key_that_may_not_sign_credentials(self) -> None:
        raw = REGION.document(lambda one: one.update(assertionMethod=[]))
        with pytest.raises(Unacceptable, match="assertionMethod"):
            verify_credential(
                read_credential(REGION.credential(HOLDER.did)),
                issuer=DidDocument(id=REGION.did, raw=raw),
                holder=HOLDER.did,
                now=NOW,
            )

    def test_a_key_that_is_not_there_may_be_new(self) -> None:
        with pytest.raises(UnknownKey):
            verify(REGION.credential(HOLDER.did, header={"kid": f"{REGION.did}#key-2"}))

    def test_thirty_seconds_of_skew_and_no_more(self) -> None:
        assert verify(REGION.credential(HOLDER.did, validFrom=stamp(NOW + timedelta(seconds=30))))
        with pytest.raises(Unacceptable):
            verify(REGION.credential(HOLDER.did, validFrom=stamp(NOW + timedelta(seconds=31))))


GOOD = REGION.credential(HOLDER.did)

PRESENTATION_FAULTS: dict[str, Callable[[], Any]] = {
    "another holder": lambda: OTHER.presentation(ME, [GOOD]),
    "another holder's name under our signature": lambda: HOLDER.presentation(ME, [GOOD], holder=OTHER.did),
    "sub is another": lambda: HOLDER.presentation(ME, [GOOD], sub=OTHER.did),
    "no holder": lambda: HOLDER.presentation(ME, [GOOD], holder=None, iss=None),
    "for another": lambda: HOLDER.presentation(OTHER.did, [GOOD]),
    "for two": lambda: HOLDER.presentation(ME, [GOOD], aud=[ME, OTHER.did]),
    "for nobody": lambda: HOLDER.presentation(ME, [GOOD], aud=None),
    "expired": lambda: HOLDER.presentation(ME, [GOOD], exp=int(NOW.timestamp()) - 31),
    "without end": lambda: HOLDER.presentation(ME, [GOOD], exp=None),
    "not yet valid": lambda: HOLDER.presentation(ME, [GOOD], nbf=int(NOW.timestamp()) + 60),
    "issued in the future": lambda: HOLDER.presentation(ME, [GOOD], iat=int(NOW.timestamp()) + 60),
    "type is another": lambda: HOLDER.presentation(ME, [GOOD], type=["VerifiableCredential"]),
    "typ of a credential": lambda: HOLDER.presentation(ME, [GOOD], header={"typ": "vc+jwt"}),
    "both data models": lambda: HOLDER.presentation(ME, [GOOD], vp={"type": "VerifiablePresentation"}),
    "vp is text": lambda: HOLDER.sign({"typ": "JWT"}, {"iss": HOLDER.did, "aud": ME, "vp": "x"}),
    "a credential in its place": lambda: GOOD,
    "an elder credential in its place": lambda: REGION.elder_credential(HOLDER.did),
    "key may not authenticate": lambda: HOLDER.presentation(ME, [GOOD], header={"kid": f"{HOLDER.did}#log-1"}),
    "signed by another": lambda: OTHER.presentation(
        ME, [GOOD], iss=HOLDER.did, sub=HOLDER.did, holder=HOLDER.did, header={"kid": f"{HOLDER.did}#key-1"}
    ),
    "alg none": lambda: HOLDER.presentation(ME, [GOOD], header={"alg": "none"}),
    "too many credentials": lambda: HOLDER.presentation(ME, ["x"] * 51),
    "an object": lambda: {"type": "VerifiablePresentation"},
    "nothing": lambda: None,
}


class TestPresentations:
    @pytest.mark.parametrize("name", PRESENTATION_FAULTS)
    def test_single_faults(self, name: str) -> None:
        with pytest.raises(Unauthenticated):
            verify_presentation(
                read_presentation(PRESENTATION_FAULTS[name]()), holder=document(HOLDER), audience=ME, now=NOW
            )

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda: OTHER.presentation(ME, [GOOD]), "another party than the caller"),
            (lambda: HOLDER.presentation(ME, [GOOD], header={"kid": f"{OTHER.did}#key-1"}), "another party than the"),
            (lambda: HOLDER.presentation(ME, [GOOD], vc={}), "this is a credential"),
            (lambda: HOLDER.elder_presentation(ME, [GOOD], verifiableCredential=[]), "both data models"),
        ],
    )
    def test_the_reason_is_the_first_that_applies(self, make: Any, reason: str) -> None:
        with pytest.raises(Unauthenticated, match=reason):
            verify_presentation(read_presentation(make()), holder=document(HOLDER), audience=ME, now=NOW)

    @pytest.mark.parametrize("profile", [VC20, VC11])
    def test_ours_are_read_back(self, profile: str) -> None:
        made = make_presentation(HOLDER.keyring, ME, [GOOD], NOW, profile=profile)
        read = read_presentation(made)
        verify_presentation(read, holder=document(HOLDER), audience=ME, now=NOW)
        assert [one.jws.text for one in read.credentials] == [GOOD]
        assert read.jws.typ == ("vp+jwt" if profile == VC20 else "jwt")
        assert read.claims["aud"] == ME

    def test_the_conformance_kits_form(self) -> None:
        elder = REGION.elder_credential(HOLDER.did)
        read = read_presentation(HOLDER.elder_presentation(ME, [elder]))
        verify_presentation(read, holder=document(HOLDER), audience=ME, now=NOW)
        assert [one.types for one in read.credentials] == [("MembershipCredential",)]

    def test_an_unreadable_credential_does_not_spoil_the_others(self) -> None:
        read = read_presentation(HOLDER.presentation(ME, [GOOD, "x", REGION.token(ME)]))
        assert [one.jws.text for one in read.credentials] == [GOOD]
        assert len(read.unreadable) == 2

    def test_an_empty_one_is_empty(self) -> None:
        assert read_presentation(HOLDER.presentation(ME, [])).credentials == ()


class TestSchemas:
    kit = json.loads(
        '{"$schema":"http://json-schema.org/draft-04/schema#","type":"object",'
        '"properties":{"id":{"type":"string"},"foo":{"type":"string"}},"required":["id","foo"]}'
    )

    def test_the_kits_schema_is_the_official_one(self) -> None:
        official = data("dcp/tck/credential-schemas/membership-credential-schema.json")
        assert json.loads(official.read_text()) == self.kit

    def test_the_kits_cases(self) -> None:
        check_schema(self.kit, {"id": HOLDER.did, "foo": "bar"})
        with pytest.raises(Unacceptable, match="required"):
            check_schema(self.kit, {"id": HOLDER.did})
        with pytest.raises(Unacceptable, match="type"):
            check_schema(self.kit, {"id": HOLDER.did, "foo": 1})

    def test_a_schema_of_the_whole_credential(self) -> None:
        whole = {"type": "object", "properties": {"credentialSubject": {"required": ["foo"]}}}
        check_schema(whole, {"foo": 1})
        with pytest.raises(Unacceptable):
            check_schema(whole, {})

    @pytest.mark.parametrize(
        ("schema", "value"),
        [
            (None, 1),
            ([], 1),
            ("x", 1),
            ({"pattern": "^(a+)+$"}, "a"),
            ({"$ref": "https://mallory.example/schema"}, 1),
            ({"$ref": "#/definitions/none"}, 1),
            ({"$ref": 1}, 1),
            ({"$ref": "#"}, 1),
            ({"type": "nothing"}, 1),
            ({"type": None}, 1),
            ({"required": 7}, {}),
            ({"allOf": {"a": 1}}, 1),
            ({"properties": []}, {}),
            ({"properties": {"a": 1}}, {"a": 1}),
            ({"minimum": "x"}, 1),
            ({"propertyNames": {}}, 1),
        ],
    )
    def test_what_cannot_be_checked_never_counts_as_passed(self, schema: Any, value: Any) -> None:
        with pytest.raises(Unacceptable):
            check_schema(schema, value)

    def test_the_same_verdicts_as_the_reference_validator(self) -> None:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

        schemas: list[dict[str, Any]] = [
            {"type": ["string", "null"]},
            {"type": "integer"},
            {"type": "number"},
            {"enum": [1, "a", None]},
            {"const": {"a": 1}},
            {"minLength": 2, "maxLength": 3},
            {"minimum": 2, "exclusiveMaximum": 4},
            {"items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
            {"properties": {"a": {}}, "additionalProperties": {"type": "integer"}},
            {"anyOf": [{"type": "string"}, {"minimum": 3}]},
            {"oneOf": [{"type": "number"}, {"minimum": 3}]},
            {"allOf": [{"type": "object"}, {"required": ["a"]}]},
            {"not": {"type": "string"}},
            {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}},
            {"format": "uri", "title": "t"},
        ]
        values: list[Any] = [
            None,
            True,
            False,
            "",
            "ab",
            "abcd",
            0,
            1,
            2.0,
            2.5,
            3,
            4,
            7,
            [],
            ["a"],
            ["a", "b", "c"],
            [1],
        ]
        values += [{}, {"a": 1}, {"a": "x"}, {"a": "x", "b": 1}, {"b": "y"}]
        for schema in schemas:
            reference = Draft202012Validator(schema)
            for value in values:
                try:
                    check_schema(schema, value)
                    ours = True
                except Unacceptable:
                    ours = False
                assert ours == reference.is_valid(value), (schema, value)
