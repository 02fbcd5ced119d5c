"""Forms: where they lead, and whether they are ours."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from node.base.errors import InvalidInput, NotAllowed, TooLarge, UnsupportedMediaType
from node.portal.forms import check_csrf, csrf_token, local_path, read_form

HERE = ("/", "/decisions", "/search?q=a%20b&kind=model", "/datasets/x?version=2#y", "/a//b", "/ünïcode")
ELSEWHERE = (
    "",
    "//evil.test",
    "//evil.test/x",
    "/\\evil.test",
    "\\/evil.test",
    "/\\/evil.test",
    "https://evil.test/",
    "HTTPS://evil.test",
    "https:/evil.test",
    "javascript:alert(1)",
    " /x",
    "/\t/evil.test",
    "/\n/evil.test",
    "\t//evil.test",
    "/x\\y",
    "/x y",
    "/\x00",
    "/\x85",
    "evil.test",
    "decisions",
    "?next=x",
    "/" + "a" * 2001,
)


@pytest.mark.parametrize("path", HERE)
def test_a_path_of_this_site_is_gone_to(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize("path", ELSEWHERE)
def test_nothing_else_is(path: str) -> None:
    assert local_path(path, "/start") == "/start"


def request(body: bytes, media_type: str = "application/x-www-form-urlencoded") -> Request:
    chunks = [body[i : i + 1000] for i in range(0, len(body), 1000)] or [b""]

    async def receive() -> dict[str, Any]:
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    headers = [(b"content-type", media_type.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


async def test_fields_are_read_once_each() -> None:
    fields = await read_form(request(b"a=1&a=2&b=x%0D%0Ay&c=&d=%C5%88"))
    assert fields == {"a": "1", "b": "x\ny", "c": "", "d": "ň"}
    assert await read_form(request(b"a=1", "application/x-www-form-urlencoded; charset=utf-8")) == {"a": "1"}


@pytest.mark.parametrize(
    ("body", "media_type", "error"),
    [
        (b"a=1", "text/plain", UnsupportedMediaType),
        (b"a=1", "multipart/form-data; boundary=x", UnsupportedMediaType),
        (b"{}", "application/json", UnsupportedMediaType),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", TooLarge),
        (b"&".join(b"a%d=1" % n for n in range(61)), "application/x-www-form-urlencoded", InvalidInput),
        (b"a=%FF%FE", "application/x-www-form-urlencoded", InvalidInput),
        ("a=é".encode(), "application/x-www-form-urlencoded", InvalidInput),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(body: bytes, media_type: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await read_form(request(body, media_type))


def test_the_token_belongs_to_one_session_and_one_node() -> None:
    token = csrf_token(b"secret", "session")
    check_csrf(b"secret", "session", {"csrf": token})
    for secret, session, sent in (
        (b"secret", "other", token),
        (b"other", "session", token),
        (b"secret", "session", token[:-1]),
        (b"secret", "session", ""),
        (b"secret", "session", "é"),
        (b"secret", "", csrf_token(b"secret", "")),
    ):
        with pytest.raises(NotAllowed):
            check_csrf(secret, session, {"csrf": sent})
    with pytest.raises(NotAllowed):
        check_csrf(b"secret", "session", {})
