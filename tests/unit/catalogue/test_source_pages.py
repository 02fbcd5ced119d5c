"""Pages of a source: asked for politely, patiently and on their own host."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from node.adapters.peers.sources import WebSources
from node.base.errors import ForbiddenAddress, HansaError, InvalidInput, PeerUnreachable, TooLarge
from node.catalogue.harvest.source_addresses import ckan_api, ckan_page, ckan_start, first_page, following
from node.catalogue.harvest.source_pages import Answer, Reader
from node.catalogue.harvest.source_state import PageState
from node.semantics.harvest.refusals import cause_of, reason_in

URL = "https://data.city.example/catalog.ttl"


class Web:
    """Answers requests in turn, and notes how long it was waited between them."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.headers: list[Mapping[str, str]] = []
        self.waits: list[float] = []

    async def get(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Answer:
        self.headers.append(headers)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)

    def reader(self) -> Reader:
        return Reader(self.get, self.pause)


def answer(status: int = 200, body: bytes = b"page", **headers: str) -> Answer:
    names = {"etag": "ETag", "retry_after": "Retry-After"}
    named = {names[name]: value for name, value in headers.items()}
    return Answer(status=status, headers={"Content-Type": "text/turtle"} | named, body=body, url=URL)


async def test_the_delay_of_robots_is_kept_between_pages() -> None:
    web = Web(answer(body=b"User-agent: *\nCrawl-delay: 7\n"), answer(), answer())
    reader = web.reader()
    await reader.require_permission(URL, agreed=False)
    await reader.read(URL, None)
    await reader.read(URL, None)
    assert web.waits == [7.0]


@pytest.mark.parametrize(
    ("robots", "allowed"),
    [
        (answer(404), True),
        (answer(403), True),
        (answer(body=b"User-agent: *\nDisallow: /\n"), False),
        (answer(body=b"User-agent: hansa\nDisallow: /catalog\n\nUser-agent: *\nAllow: /\n"), False),
        (answer(body=b"User-agent: other\nDisallow: /\n"), True),
        (answer(body=b"\xff\xfe no rules"), True),
    ],
)
async def test_robots_are_obeyed_unless_the_publisher_agreed(robots: Answer, allowed: bool) -> None:
    if allowed:
        await Web(robots).reader().require_permission(URL, agreed=False)
        return
    with pytest.raises(InvalidInput, match=r"robots\.txt"):
        await Web(robots).reader().require_permission(URL, agreed=False)
    await Web(robots).reader().require_permission(URL, agreed=True)


async def test_a_source_whose_robots_cannot_be_read_is_left_alone() -> None:
    with pytest.raises(PeerUnreachable):
        await Web(answer(503)).reader().require_permission(URL, agreed=True)


@pytest.mark.parametrize(
    ("answers", "waits"),
    [
        ([answer(503, retry_after="5"), answer()], [5.0]),
        ([PeerUnreachable("away"), answer(429), answer()], [2.0, 4.0]),
        ([answer(502), answer(502), answer(502), answer()], [2.0, 4.0, 8.0]),
    ],
)
async def test_a_busy_source_is_asked_again(answers: Sequence[Answer | Exception], waits: list[float]) -> None:
    web = Web(*answers)
    page = await web.reader().read(URL, None)
    assert page is not None
    assert (page.body, web.waits) == (b"page", waits)


async def test_patience_has_an_end() -> None:
    with pytest.raises(PeerUnreachable, match="asks clients to wait for 86400 seconds"):
        await Web(answer(503, retry_after="86400")).reader().read(URL, None)
    with pytest.raises(PeerUnreachable, match="status 503"):
        await Web(*[answer(503)] * 4).reader().read(URL, None)


async def test_only_what_changed_is_a_page() -> None:
    web = Web(answer(etag='"1"'), answer(304), answer(), answer(body=b"other"), answer(304))
    reader = web.reader()
    page = await reader.read(URL, None)
    assert page is not None
    known = PageState(sha256=page.sha256, etag=page.etag)
    assert await reader.read(URL, known) is None
    assert await reader.read(URL, known) is None, "the same bytes, though the source sent them again"
    assert await reader.read(URL, known) is not None
    assert [headers.get("If-None-Match") for headers in web.headers] == [None, '"1"', '"1"', '"1"']
    with pytest.raises(PeerUnreachable, match="status 304"):
        await reader.read(URL, None)


@pytest.mark.parametrize(
    ("stated", "place"),
    [
        ("", ""),
        ("?page=2", f"{URL}?page=2"),
        ("http://paster/catalog.ttl?page=2#x", f"{URL}?page=2"),
        ("https://169.254.169.254/latest", "https://data.city.example/latest"),
        ("//other.example/x", "https://data.city.example/x"),
    ],
)
def test_the_next_page_is_on_the_host_of_this_one(stated: str, place: str) -> None:
    assert following(URL, stated) == place


def test_what_an_address_of_ckan_is() -> None:
    api = "https://data.example/sub/api/3"
    for url in (api, f"{api}/", f"{api}/action/package_list", f"{api}/action?x=1"):
        assert ckan_api(url) == api
    assert ckan_api(URL) == ""
    assert first_page(URL) == URL
    assert ckan_start(ckan_page(api, 400)) == 400


@pytest.mark.parametrize(
    ("error", "english", "dutch"),
    [
        (
            ForbiddenAddress("it is in a private network"),
            "does not connect to",
            "maakt geen verbinding",
        ),
        (TooLarge("the peer's answer is larger than 1 bytes"), "has more than 256 MB", "is groter dan 256 MB"),
        (TimeoutError(), "does not answer", "antwoordt niet"),
    ],
)
def test_why_a_source_cannot_be_fetched_has_a_text_in_each_language(
    error: Exception, english: str, dutch: str
) -> None:
    class Refusing:
        async def request(self, *_: Any, **__: Any) -> Any:
            raise error

    with pytest.raises(HansaError) as caught:
        asyncio.run(WebSources(cast("Any", Refusing())).get("https://a.example/c.ttl", {}, 256 << 20))
    assert english in caught.value.detail
    assert caught.value.remedy
    text, remedy = reason_in("nl", cause_of(caught.value)) or ("", "")
    assert dutch in text
    assert remedy not in ("", caught.value.remedy)
