"""Forms with a file: read in pieces of any size, fields first, and refused where they break off."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType
from node.portal.uploads import MAX_FIELD, read_upload

MARK = "----x9"
DATA = b"a,b\r\n------x\r\n--\r\n\r\n1,2\n" + bytes(range(256))


def field(name: str, value: str) -> bytes:
    return f'--{MARK}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(name: str, data: bytes) -> bytes:
    kind = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv'
    return f"--{MARK}\r\n{kind}\r\n\r\n".encode() + data + b"\r\n"


END = f"--{MARK}--\r\n".encode()


def request(body: bytes, size: int = 1000, media_type: str = f"multipart/form-data; boundary={MARK}") -> Request:
    chunks = [body[i : i + size] for i in range(0, len(body), size)] or [b""]

    async def receive() -> dict[str, Any]:
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    headers = [(b"content-type", media_type.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
async def test_fields_and_file_arrive_in_pieces_of_any_size(size: int) -> None:
    body = field("csrf", "abc") + field("x", "ň\r\ny") + file("č %22a%22.csv", DATA) + END
    upload = await read_upload(request(body, size))
    assert upload.fields == {"csrf": "abc", "x": "ň\r\ny"}
    assert upload.name == 'č "a".csv'
    assert upload.chunks is not None
    assert b"".join([chunk async for chunk in upload.chunks]) == DATA


async def test_what_follows_the_file_is_no_field() -> None:
    upload = await read_upload(request(field("a", "1") + file("x", b"") + field("csrf", "late") + END))
    assert upload.chunks is not None
    assert [chunk async for chunk in upload.chunks] == []
    assert upload.fields == {"a": "1"}


async def test_a_form_without_a_file() -> None:
    upload = await read_upload(request(field("a", "1") + field("a", "2") + END))
    assert (upload.fields, upload.name, upload.chunks) == ({"a": "1"}, "", None)


@pytest.mark.parametrize("length", [1, 40, 90, 120])
async def test_a_form_that_breaks_off_is_refused(length: int) -> None:
    body = (field("a", "1") + file("x.csv", b"1,2\n"))[: -length or None]

    async def read() -> None:
        upload = await read_upload(request(body))
        assert upload.chunks is not None
        assert [chunk async for chunk in upload.chunks]

    with pytest.raises(InvalidInput):
        await read()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (field("a", "x" * (MAX_FIELD + 1)) + END, TooLarge),
        (b"x" * 10, InvalidInput),
        (b"".join(field(f"a{n}", "1") for n in range(30)) + END, TooLarge),
        (f"--{MARK}\r\n".encode() + b"X: " + b"y" * (MAX_FIELD + 10), InvalidInput),
        (b"", InvalidInput),
    ],
)
async def test_a_form_that_is_none_is_refused(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await read_upload(request(body))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "a/b; boundary=x",
    ],
)
async def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        await read_upload(request(b"", media_type=media_type))
