"""Data addresses: what of them is kept and told, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.transfer import addresses
from node.transfer.addresses import (
    pushed_to,
    read_address,
    read_push_address,
    sink_address,
    without_token,
    without_unused,
)
from node.vocab.dsp import HTTP_ENDPOINT, PUSH

EDC = "https://w3id.org/edc/v0.0.1/ns/"


def address(endpoint: object = "https://sink.example/in", **properties: object) -> dict[str, Any]:
    """A data address with these properties; what holds the secret says SECRET."""
    return {
        "@type": "DataAddress",
        "endpointType": "HttpData",
        "endpoint": endpoint,
        "endpointProperties": [
            {"@type": "EndpointProperty", "name": name, "value": value} for name, value in properties.items()
        ],
    }


@pytest.mark.parametrize(
    "pushed",
    [
        address(authorization="SECRET"),
        address(**{f"{EDC}authCode": "SECRET"}),
        address(**{f"{EDC}sasToken": "SECRET"}),
        address(**{"header:Authorization": "Bearer SECRET"}),
        address(**{f"{EDC}header:x-api-key": "SECRET"}),
        address(queryParams="sig=SECRET"),
        address(access_token="SECRET"),
        address(**{"": "SECRET"}),
        address("https://sink.example/in?sig=SECRET"),
        address("https://sink.example/in#SECRET?x"),
        address("https://user:SECRET@sink.example/in"),
        address("https://SECRET@sink.example/in"),
        address("https:\\\\user:SECRET@sink.example/in"),
        address("//user:SECRET@sink.example/in"),
        address("user:SECRET@sink.example/in"),
        address({"@id": "https://sink.example/in?sig=SECRET"}),
        address(["SECRET"]),
        address(baseUrl="https://user:SECRET@sink.example/in#SECRET"),
        address(path="in?sig=SECRET"),
        address(tokenEndpoint="https://sink.example/token?key=SECRET"),
        address(**{f"{EDC}baseUrl": ["SECRET"]}),
        {**address(), "password": "SECRET"},
        {**address(), "endpointProperties": {"name": "SECRET"}},
        {**address(), "endpointProperties": [{"name": "method", "value": "PUT", "secret": "SECRET"}]},
        {**address(), "endpointProperties": "SECRET"},
        {**address(), "endpointProperties": 5},
    ],
)
def test_nothing_that_may_be_secret_is_kept(pushed: dict[str, Any]) -> None:
    kept = without_token(pushed)
    assert b"SECRET" not in canonical(kept)
    assert without_token(kept) == kept
    assert "SECRET" not in (pushed_to(PUSH, pushed) or "")


def test_what_is_no_secret_is_kept() -> None:
    original = sink_address(
        "https://sink.example:8443/in/@home/a.csv?sig=SECRET", header=("x-api-key", "SECRET"), method="PUT"
    )
    stored = without_token(original)
    assert stored["endpoint"] == "https://sink.example:8443/in/@home/a.csv"
    assert {item["name"]: item["value"] for item in stored["endpointProperties"]} == {
        f"{EDC}baseUrl": "https://sink.example:8443/in/@home/a.csv",
        f"{EDC}method": "PUT",
        f"{EDC}authKey": "x-api-key",
    }
    assert pushed_to(PUSH, stored) == pushed_to(PUSH, original) == "https://sink.example:8443/in/@home/a.csv"


def test_an_address_of_ours_still_tells_where_its_token_is_renewed() -> None:
    given = addresses.pull_address("https://a.example", "urn:p", token="SECRET", expires=datetime.now(UTC))
    own, kept = read_address(given), read_address(without_token(given))
    assert (kept.endpoint, kept.token_endpoint, kept.manifest_endpoint, kept.authorization) == (
        own.endpoint,
        own.token_endpoint,
        own.manifest_endpoint,
        None,
    )


@pytest.mark.parametrize("endpoint", ["https://user:pw@sink.example/in", "https://user@sink.example/in"])
def test_user_information_is_refused(endpoint: str) -> None:
    for given in (address(endpoint), address(**{f"{EDC}baseUrl": endpoint})):
        with pytest.raises(InvalidInput, match="password"):
            read_push_address(given)
    with pytest.raises(InvalidInput, match="password"):
        sink_address(endpoint)


@pytest.mark.parametrize("endpoint", ["https://[", "https://[::1/in", "ftp://sink.example/in", "", 5, None, ["x"]])
def test_what_is_no_address_is_refused(endpoint: object) -> None:
    with pytest.raises(InvalidInput):
        read_push_address(address(endpoint))
    with pytest.raises(InvalidInput):
        read_address({**address(endpoint), "endpointType": "HTTP"})
    with pytest.raises(InvalidInput):
        read_address(address(tokenEndpoint="https://[") | {"endpointType": "HTTP"})


def test_of_a_push_address_only_what_is_pushed_with_is_kept() -> None:
    edc = "https://w3id.org/edc/v0.0.1/ns/"
    used = {f"{edc}baseUrl": "https://lake.example/up?sig=x", f"{edc}authKey": "X-Key", f"{edc}authCode": "opens"}
    other = {f"{edc}queryParams": "sig=SECRET", "refreshToken": "SECRET", f"{edc}header:X-Other": "SECRET"}
    items = [{"@type": "EndpointProperty", "name": name, "value": value} for name, value in (used | other).items()]
    address = {"@type": "DataAddress", "endpointType": "HttpData", "more": "SECRET", "endpointProperties": items}
    kept = without_unused(address)
    assert read_push_address(kept) == read_push_address(address)
    assert "SECRET" not in str(kept)


def from_edc(endpoint: str = "https://edc.example/public", **more: str) -> dict[str, Any]:
    """What EDC sends when a pull starts: everything but the type is a property, under a name of its own."""
    properties = {"endpoint": endpoint, "endpointType": HTTP_ENDPOINT, "authorization": "ey.x.y", **more}
    data_address = address(**{f"{EDC}{name}": value for name, value in properties.items()})
    data_address["endpointType"] = HTTP_ENDPOINT
    del data_address["endpoint"]
    return data_address


def test_an_end_point_that_is_a_property_only_is_read() -> None:
    read = read_address(from_edc())
    assert (read.endpoint, read.authorization) == ("https://edc.example/public", "ey.x.y")
    assert read_address(without_token(from_edc())).endpoint == "https://edc.example/public"
    assert read_address(without_unused(from_edc(authType="bearer"))) == read_address(from_edc(authType="bearer"))
    # The member that the standard has for it comes first.
    assert (
        read_address(from_edc() | {"endpoint": "https://edc.example/other"}).endpoint == "https://edc.example/other"
    )


@pytest.mark.parametrize("endpoint", ["ftp://edc.example/public", "/public", "", "https://["])
def test_an_end_point_among_the_properties_is_held_to_the_same_rules(endpoint: str) -> None:
    with pytest.raises(InvalidInput):
        read_address(from_edc(endpoint))
    with pytest.raises(InvalidInput, match="several hosts"):
        read_address(from_edc(tokenEndpoint="https://evil.example/token"))


def test_a_token_has_two_forms() -> None:
    """EDC says ``authType`` ``bearer`` and takes the token as it is."""
    bearer = read_address(from_edc(authType="bearer"))
    assert bearer.authorization == "Bearer ey.x.y"
    plain = bearer.in_other_words()
    assert plain is not None
    assert plain.authorization == "ey.x.y"
    assert plain.in_other_words() == bearer
    assert read_address(from_edc(authType="bearer", authorization="bearer ey.x.y")) == bearer


def test_other_headers_and_addresses_of_ours_have_one_form() -> None:
    assert read_address(from_edc(authorization="Basic abc")).in_other_words() is None
    assert read_address(without_token(from_edc())).in_other_words() is None
    ours = addresses.pull_address("https://a.example", "urn:p", token="SECRET", expires=datetime.now(UTC))
    assert read_address(ours).in_other_words() is None
