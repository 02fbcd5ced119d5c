"""did:web names and DID documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.base.errors import InvalidInput, Unauthenticated
from node.identity.did import (
    base_url,
    check_document,
    did_of,
    document_url,
    is_loopback,
    plain_name,
    read_did,
    same_party,
)
from node.identity.documents import UnknownKey, build_document, jwk_of_multikey, key_for, sealing_key
from node.identity.model import DidDocument
from tests.artefacts import data
from tests.fakes.keys import MemoryKeyRing, public_jwk

NAMES = [
    ("did:web:data.ghent.example", "https://data.ghent.example", "/.well-known/did.json"),
    ("did:web:data.ghent.example%3A8443", "https://data.ghent.example:8443", "/.well-known/did.json"),
    ("did:web:region.example:towns:zoersel", "https://region.example/towns/zoersel", "/did.json"),
    ("did:web:127.0.0.1%3A8101", "http://127.0.0.1:8101", "/.well-known/did.json"),
    ("did:web:localhost%3A8443:x", "http://localhost:8443/x", "/did.json"),
    ("did:web:xn--tda.example", "https://xn--tda.example", "/.well-known/did.json"),
]


def hostile_dids() -> list[str]:
    groups = json.loads(data("naughty/naughty-dataspace.json").read_text("utf-8"))
    names: list[str] = groups["did_web_must_be_refused"]
    return names


class TestNames:
    @pytest.mark.parametrize(("did", "base", "path"), NAMES)
    def test_there_and_back(self, did: str, base: str, path: str) -> None:
        assert base_url(did, allow_loopback_http=True) == base
        assert document_url(did, allow_loopback_http=True) == base + path
        assert did_of(base) == did_of(base + "/") == did
        assert f"{base.split(':', maxsplit=1)[0]}://{plain_name(did)}" == base

    def test_all_hostile_names_are_refused(self) -> None:
        names = hostile_dids()
        assert len(names) == 22
        for name in names:
            with pytest.raises(InvalidInput):
                document_url(name)

    @pytest.mark.parametrize(
        "did",
        [
            "",
            "did:web",
            "did:key:z6Mk",
            "did:web:localhost",
            "did:web:a",
            "did:web:a.b:",
            "did:web:a.b::c",
            "did:web:a.b:c/d",
            "did:web:a.b:c%2Fd",
            "did:web:a.b:.",
            "did:web:a.b%3a8443",
            "did:web:a.b%3A",
            "did:web:a.b%3A0443",
            "did:web:a.b%3A8443%3A1",
            "did:web:a.b%3A80",
            "did:web:-a.example",
            "did:web:a_b.example",
            "did:web:1.2",
            "did:web:a.0x7f",
            "did:web:127.1",
            "did:web:2130706433",
            "did:web:10.0.0.1",
            "did:web:a.example ",
            "did:web:a.example\t",
            "did:web:" + "a" * 64 + ".example",
            "did:web:" + "a." * 200 + "example",
            "did:web:a.example:" + "b" * 600,
        ],
    )
    def test_names_that_could_be_read_in_two_ways_are_refused(self, did: str) -> None:
        with pytest.raises(InvalidInput):
            read_did(did)
        if "localhost" not in did:
            with pytest.raises(InvalidInput):
                read_did(did, allow_loopback=True)

    def test_loopback_needs_the_switch_and_has_every_port(self) -> None:
        for host in ("127.0.0.1", "127.8.9.10", "localhost"):
            assert read_did(f"did:web:{host}%3A1", allow_loopback=True).port == 1
            with pytest.raises(InvalidInput):
                read_did(f"did:web:{host}%3A8443")
            with pytest.raises(InvalidInput):
                read_did(f"did:web:{host}%3A65536", allow_loopback=True)

    def test_ports_are_a_list(self) -> None:
        assert read_did("did:web:a.example%3A444", ports={444}).port == 444
        with pytest.raises(InvalidInput):
            read_did("did:web:a.example%3A8443", ports={444})

    @pytest.mark.parametrize(
        "url",
        [
            "http://data.ghent.example",
            "ftp://data.ghent.example",
            "https://data.ghent.example?x=1",
            "https://data.ghent.example#x",
            "https://u@data.ghent.example",
            "https://data.ghent.example/a b",
            "https://10.0.0.1",
            "https://node",
        ],
    )
    def test_a_base_that_cannot_carry_a_did_is_refused(self, url: str) -> None:
        with pytest.raises(InvalidInput):
            did_of(url)

    @pytest.mark.parametrize(
        "host", ["localhost.", "127.1", "0x7f.0.0.1", "0177.0.0.1", "::0:1", "0:0:0:0:0:0:0:1", ""]
    )
    def test_loopback_has_one_spelling(self, host: str) -> None:
        assert not is_loopback(host)


def document(**changes: Any) -> DidDocument:
    ring = MemoryKeyRing("did:web:a.example")
    raw = {**build_document(ring, "https://a.example", issuer=True), **changes}
    return DidDocument(id="did:web:a.example", raw=raw)


class TestOurDocument:
    def test_it_lists_keys_for_their_purposes_and_services(self) -> None:
        ring = MemoryKeyRing("did:web:a.example")
        raw = build_document(ring, "https://a.example/", issuer=True)
        checked = check_document(ring.did, raw)
        assert checked.service("CredentialService") == "https://a.example/dcp"
        assert checked.service("IssuerService") == "https://a.example/issuer"
        assert checked.service("DataService") == "https://a.example/.well-known/dspace-version"
        assert checked.service("CatalogService") == "https://a.example/dsp/2025-1/catalog"
        assert {method["type"] for method in raw["verificationMethod"]} == {"JsonWebKey2020"}
        for purpose in ("authentication", "assertionMethod", "capabilityInvocation"):
            assert key_for(checked, "did:web:a.example#key-1", purpose) == public_jwk(ring)
        assert key_for(checked, "#log-1", "assertionMethod")["crv"] == "Ed25519"
        assert sealing_key(checked) == ring.seal_public_key()
        assert "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld" in raw["@context"]

    def test_a_node_that_issues_nothing_says_so(self) -> None:
        raw = build_document(MemoryKeyRing("did:web:a.example"), "https://a.example")
        assert check_document("did:web:a.example", raw).service("IssuerService") is None

    @pytest.mark.parametrize("purpose", ["authentication", "capabilityInvocation", "keyAgreement"])
    def test_the_log_key_signs_statements_only(self, purpose: str) -> None:
        with pytest.raises(Unauthenticated):
            key_for(document(), "#log-1", purpose)


class TestOthersDocuments:
    @pytest.mark.parametrize(
        "raw",
        [
            None,
            [],
            "did",
            {},
            {"id": "did:web:b.example"},
            {"id": "did:web:a.example", "verificationMethod": {}},
            {"id": "did:web:a.example", "verificationMethod": ["x"]},
            {"id": "did:web:a.example", "verificationMethod": [{"type": "JsonWebKey2020"}]},
            {"id": "did:web:a.example", "verificationMethod": [{"id": "#a"}, {"id": "did:web:a.example#a"}]},
            {
                "id": "did:web:a.example",
                "verificationMethod": [{"id": "#a", "publicKeyJwk": {"d": "x"}}],
            },
            {"id": "did:web:a.example", "service": {}},
            {"id": "did:web:a.example", "service": ["x"]},
        ],
    )
    def test_unfit_documents_are_refused(self, raw: Any) -> None:
        with pytest.raises(InvalidInput):
            check_document("did:web:a.example", raw)

    @pytest.mark.parametrize("name", ["did:web:a.example#key-1", "#key-1", "key-1"])
    def test_three_spellings_of_a_method_id(self, name: str) -> None:
        raw = document().raw
        raw["verificationMethod"][0]["id"] = name
        raw["authentication"] = [name]
        assert key_for(DidDocument(id="did:web:a.example", raw=raw), "did:web:a.example#key-1", "authentication")

    def test_a_key_may_be_embedded_under_its_purpose(self) -> None:
        raw = document().raw
        method = raw["verificationMethod"].pop(0)
        raw["authentication"] = [method]
        embedded = DidDocument(id="did:web:a.example", raw=raw)
        assert key_for(embedded, method["id"], "authentication") == method["publicKeyJwk"]
        with pytest.raises(UnknownKey):
            key_for(embedded, method["id"], "capabilityInvocation")

    def test_an_unknown_key_is_told_apart(self) -> None:
        with pytest.raises(UnknownKey):
            key_for(document(), "did:web:a.example#key-2", "authentication")

    def test_a_key_of_another_did_is_refused(self) -> None:
        with pytest.raises(Unauthenticated, match="another DID"):
            key_for(document(), "did:web:b.example#key-1", "authentication")

    def test_a_key_controlled_by_somebody_else_is_refused(self) -> None:
        raw = document().raw
        raw["verificationMethod"][0]["controller"] = "did:web:b.example"
        with pytest.raises(Unauthenticated, match="somebody else"):
            key_for(DidDocument(id="did:web:a.example", raw=raw), "#key-1", "authentication")

    def test_without_kid_one_key_is_clear_and_several_are_not(self) -> None:
        raw = document().raw
        with pytest.raises(Unauthenticated):
            key_for(DidDocument(id="did:web:a.example", raw=raw), None, "authentication")
        raw["verificationMethod"] = raw["verificationMethod"][:1]
        assert key_for(DidDocument(id="did:web:a.example", raw=raw), None, "authentication")

    def test_a_document_that_states_no_purpose_for_any_key(self) -> None:
        """As the conformance kit and some connectors write them."""
        raw = document().raw
        for purpose in ("authentication", "assertionMethod", "capabilityInvocation", "keyAgreement"):
            raw.pop(purpose)
        nothing: list[dict[str, Any]] = [{}, {"authentication": [], "keyAgreement": None}]
        for stated in nothing:
            silent = DidDocument(id="did:web:a.example", raw={**raw, **stated})
            for purpose in ("authentication", "assertionMethod", "capabilityInvocation"):
                assert key_for(silent, "#key-1", purpose)
        partly = DidDocument(id="did:web:a.example", raw={**raw, "keyAgreement": ["#seal-1"]})
        for purpose in ("authentication", "assertionMethod", "capabilityInvocation"):
            with pytest.raises(Unauthenticated):
                key_for(partly, "#key-1", purpose)

    def test_authentication_stands_in_for_a_missing_capability_invocation(self) -> None:
        raw = document().raw
        with pytest.raises(Unauthenticated):
            key_for(document(capabilityInvocation=[]), "#key-1", "capabilityInvocation")
        del raw["capabilityInvocation"]
        assert key_for(DidDocument(id="did:web:a.example", raw=raw), "#key-1", "capabilityInvocation")
        raw["authentication"] = ["#log-1"]
        with pytest.raises(Unauthenticated):
            key_for(DidDocument(id="did:web:a.example", raw=raw), "#key-1", "capabilityInvocation")

    def test_multikeys_of_the_w3c_examples(self) -> None:
        ed = jwk_of_multikey("z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2")
        assert (ed["kty"], ed["crv"], len(ed["x"])) == ("OKP", "Ed25519", 43)
        p256 = jwk_of_multikey("zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP")
        assert (p256["kty"], p256["crv"]) == ("EC", "P-256")
        for bad in (
            "",
            "z",
            "m6Mk",
            "z0OIl",
            "z6Mk",
            "z" + "1" * 200,
            "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVQ",
        ):
            with pytest.raises(Unauthenticated):
                jwk_of_multikey(bad)

    def test_a_document_without_a_sealing_key_has_none(self) -> None:
        assert sealing_key(document(keyAgreement=[])) is None
        assert sealing_key(document(keyAgreement=["#key-1"])) is None


class TestSameParty:
    @pytest.mark.parametrize(
        ("url", "same"),
        [
            ("https://a.example/callback", True),
            ("https://a.example:8443/callback", True),
            ("https://dsp.a.example/callback", True),
            ("https://b.example/callback", False),
            ("https://a.example.evil.test/callback", False),
            ("https://xa.example/", False),
            ("ftp://a.example/", False),
            ("//a.example/", False),
            ("https://[a.example/", False),
            ("", False),
        ],
    )
    def test_host_of_the_did_or_of_a_service(self, url: str, same: bool) -> None:
        raw = document().raw
        raw["service"].append({"id": "#x", "type": "X", "serviceEndpoint": "https://dsp.a.example/api"})
        raw["service"].append({"id": "#y", "type": "Y", "serviceEndpoint": {"uri": "https://b.example"}})
        assert same_party(url, DidDocument(id="did:web:a.example", raw=raw)) is same

    def test_on_loopback_the_port_counts(self) -> None:
        raw = DidDocument(id="did:web:127.0.0.1%3A8101", raw={"id": "did:web:127.0.0.1%3A8101"})
        assert same_party("http://127.0.0.1:8101/dsp", raw)
        assert not same_party("http://127.0.0.1:8102/dsp", raw)
        assert not same_party("http://localhost:8101/dsp", raw)
