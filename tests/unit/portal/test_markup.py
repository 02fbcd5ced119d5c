"""Between other people's text and our HTML."""

from __future__ import annotations

import json

import pytest

from node.portal import markup
from tests.artefacts import data
from tests.unit.portal.page import Page

GOOD = (
    "http://example.org/",
    "https://data.gent.example/datasets/a#b",
    "http://127.0.0.1:8101/datasets/traffic-counts",
    "https://exämple.org/straße",
    "HTTPS://EXAMPLE.org/x?y=z&a=b",
    "http://[2001:db8::1]:8080/x",
)
BAD = (
    "",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "ftp://example.org/",
    "//example.org/",
    "/relative",
    "http:/example.org/",
    "http:example.org",
    "http:///example.org/",
    "http://",
    "http://user@example.org/",
    "http://user:secret@example.org/",
    "http://example.org/\\@evil.test",
    'http://example.org/"onmouseover=alert(1)',
    "http://example.org/<script>",
    "http://example.org/a b",
    "http://example.org/\u202egnp.exe",
    "http://example.org:port/",
    "http://[::1",
    "http://example.org/" + "a" * 4000,
    None,
    7,
)


@pytest.mark.parametrize("iri", GOOD)
def test_a_web_address_is_followed_as_it_is(iri: str) -> None:
    assert markup.web_address(iri) == iri


@pytest.mark.parametrize("iri", BAD)
def test_anything_else_is_never_followed(iri: object) -> None:
    assert markup.web_address(iri) is None


def test_no_naughty_iri_becomes_anything_but_a_plain_web_address() -> None:
    strings = json.loads(data("naughty/naughty-dataspace.json").read_text("utf-8"))
    for iri in [*strings["urls_must_not_be_dialled"], *strings["iris_odd"]]:
        if (address := markup.web_address(iri)) is not None:
            assert address.lower().startswith(("http://", "https://"))
            assert not set(address) & set("\"'<>\\` \t\r\n\0")
            assert "@" not in address.split("/")[2]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("mailto:a.b@gent.example", "a.b@gent.example"),
        ("a@gent.example", "a@gent.example"),
        ("mailto:a@b?subject=x&body=y", None),
        ("mailto:a@b.example%0Acc:c@d", None),
        ("javascript:alert(1)@x", None),
        ("nobody", None),
        (None, None),
    ],
)
def test_mail_addresses(text: object, address: str | None) -> None:
    assert markup.mail_address(text) == address


@pytest.mark.parametrize("tag", ["en", "nl-BE", "zh-Hant-TW", "cs"])
def test_language_tags_stand(tag: str) -> None:
    assert markup.language_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", "e", '"><script>', "en onload=x", "en--x", "x" * 30, "en\n", None])
def test_what_is_no_language_tag_is_left_out(tag: object) -> None:
    assert markup.language_tag(tag) == ""


@pytest.mark.parametrize(
    ("identifier", "short"),
    [
        ("urn:uuid:0192f3a0-7c1e-7a55-9d7c-3b1f0a6e2c11", "0192f3a0…2c11"),
        ("did:web:127.0.0.1%3A8101", "127.0.0.1:8101"),
        ("http://127.0.0.1:8101/datasets/traffic-counts", "127.0.0.1:8101/d…ts/traffic-counts"),
        ("short", "short"),
    ],
)
def test_identifiers_are_short(identifier: str, short: str) -> None:
    assert markup.shorten(identifier) == short
    assert len(markup.shorten(identifier)) <= 34


def test_snippets_come_in_pieces() -> None:
    assert markup.snippet_pieces("a «b» c «» d») «") == [
        (False, "a "),
        (True, "b"),
        (False, " c "),
        (True, ""),
        (False, " d») «"),
    ]
    assert markup.snippet_pieces("") == []


@pytest.mark.parametrize(
    ("code", "unit"), [("{veh}/h", "veh/h"), ("dB[SPL]", "dB"), ("1", "–"), ("km/h", "km/h"), ("Cel", "°C")]
)
def test_units_as_people_write_them(code: str, unit: str) -> None:
    assert markup.unit(code) == unit


def test_a_document_is_embedded_without_what_is_not_text() -> None:
    document = """<!doctype html><html lang="nl"><head><title>t</title><style>p{}</style></head>
      <body onload="x()"><h1 class="a b" style="color:red" onclick="x()">Titel</h1>
      <p lang="nl" id="x">Een &lt;b&gt; <a href="javascript:alert(1)">link</a>,
      <a href="https://gent.example/">nog een</a>
      <img src=x onerror=alert(1)><script>window.__xss = 1</script><svg><script>2</script></svg>
      <iframe src="https://evil.test"></iframe><table><tr><td colspan="2">x</td></tr></table>
      <input name=a><br><unclosed><li>y"""
    html = markup.embed(document)
    page = Page(f"<div>{html}</div>")
    tags = {element.tag for element in page.elements}
    assert tags == {"div", "h2", "p", "a", "table", "tbody", "tr", "td", "br", "li"}
    assert [element.attributes for element in page.all("a")] == [
        {"rel": "noopener noreferrer nofollow"},
        {"href": "https://gent.example/", "rel": "noopener noreferrer nofollow"},
    ]
    assert page.element("h2").attributes == {"class": "a b"}
    assert page.element("p").attributes == {"lang": "nl"}
    assert "Een <b>" in page.element("p").text
    assert "xss" not in html
    assert "color" not in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>a",
        "</p></div>",
        "<p><b></p></b>",
        "<style>",
        "<title><script>",
        "<<p>>",
        "<p <b>x",
        "&#x3c;script&#x3e;",
    ],
)
def test_broken_documents_stay_closed_and_silent(text: str) -> None:
    page = Page(f"<div>{markup.embed(text)}</div>")
    assert not [element for element in page.elements if element.tag in ("script", "style", "title")]


def test_secrets_do_not_show_in_messages() -> None:
    body = json.dumps(
        {
            "dataAddress": {
                "endpoint": "https://gent.example/data/1",
                "endpointProperties": [
                    {"name": "authorization", "value": "very-secret"},
                    {"name": "authType", "value": "bearer"},
                    {"name": "https://w3id.org/hansa/ns#refreshToken", "value": "refresh-secret"},
                ],
            },
            "accessToken": "another-secret",
            "presentation": ["eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"],
        }
    ).encode()
    text = markup.readable_body(body)
    for secret in ("very-secret", "refresh-secret", "another-secret", "eyJhbGci"):
        assert secret not in text
    assert '"bearer"' in text
    assert "https://gent.example/data/1" in text
    assert "eyJ" not in markup.readable_body(b"Authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln")


def test_bodies_that_are_no_json_are_shown_as_text() -> None:
    assert markup.readable_body(b"\xff<html>") == "\ufffd<html>"
    assert markup.readable_body(b"x" * 30_000).endswith("\n…")
    assert markup.readable_body(b"[" * 100_000).startswith("[[[")


def test_code_between_backticks() -> None:
    assert markup.code_pieces("`a` and `b<c>`, `open") == [
        (True, "a"),
        (False, " and "),
        (True, "b<c>"),
        (False, ", `open"),
    ]
    assert markup.code_pieces("") == []


@pytest.mark.parametrize(
    ("name", "identifier", "shown"),
    [
        ("Stad Gent", "did:web:x", "Stad Gent"),
        ("", "did:web:127.0.0.1%3A8101", "127.0.0.1:8101"),
        ("did:web:127.0.0.1%3A8101", "did:web:127.0.0.1%3A8101", "127.0.0.1:8101"),
        ("https://gent.example/", "https://gent.example/", "gent.example/"),
        (" ", " ", "…"),
    ],
)
def test_nobody_is_nameless(name: str, identifier: str, shown: str) -> None:
    assert markup.display_name(name, identifier) == shown
