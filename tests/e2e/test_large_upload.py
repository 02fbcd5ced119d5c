"""A large file is sent from a browser: paused, cut off by the end of the node, and gone on with."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.nodes import Member
from tests.e2e.chromium import PATIENCE, Chromium, binary
from tests.node_processes import node_process

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ROWS = 3_000_000
SLOW = 4 << 20
"""Bytes in a second that a browser may send whose upload is cut: a pause or a kill then finds the file on its way."""
STATE = "document.getElementById('state').textContent"


@pytest.fixture(scope="module")
def gent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """A node that a test may end."""
    with node_process(tmp_path_factory.mktemp("large")) as process:
        yield process


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of about 40 MB."""
    path = tmp_path_factory.mktemp("files") / "counts.csv"
    path.write_text("point,count\n" + "".join(f"{row},{row % 97}\n" for row in range(ROWS)), "ascii")
    return path


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab(gent: Member) -> AsyncIterator[Chromium]:
    """A browser whose person is signed in."""
    async with Chromium(binary()) as chromium:
        await chromium.look(f"{gent.url}/sign-in")
        fill = "document.getElementById('{}').value = {!r}"
        await chromium.ask(fill.format("login", gent.login))
        await chromium.ask(fill.format("password", gent.password))
        chromium.loaded.clear()
        await chromium.ask("document.querySelector('main form').requestSubmit()")
        await chromium.settled()
        yield chromium


async def begin(tab: Chromium, gent: Member, file: Path, *, rate: int = SLOW, before: str = "") -> None:
    """Choose the file on the page *Publish* and send it, after the script ``before`` ran on that page."""
    await tab.look(f"{gent.url}/publish")
    document = await tab.send("DOM.getDocument")
    control = await tab.send("DOM.querySelector", nodeId=document["root"]["nodeId"], selector="#file")
    await tab.send("DOM.setFileInputFiles", nodeId=control["nodeId"], files=[str(file)])
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate}
    await tab.send("Network.emulateNetworkConditions", **conditions)
    await tab.ask(f"{{ {before} }}")
    await tab.ask("document.getElementById('upload').requestSubmit(document.getElementById('send'))")


async def first_piece(gent: Member) -> None:
    """Wait until something of the file has arrived, and not all of it."""
    async with asyncio.timeout(PATIENCE):
        with gent.client() as client:
            while not any(0 < upload["received"] < upload["size"] for upload in client.uploads()):
                await asyncio.sleep(0.1)


async def test_an_upload_outlives_a_pause_and_the_end_of_the_node(tab: Chromium, gent: Member, file: Path) -> None:
    await begin(tab, gent, file)
    await first_piece(gent)
    await tab.ask("document.getElementById('pause').click()")
    await tab.until(f"{STATE}.startsWith('Paused')")
    await tab.ask("document.getElementById('pause').click()")
    await tab.until(f"{STATE} === 'Uploading'")

    gent.kill()
    await tab.until(f"{STATE}.startsWith('The node does not answer')")
    gent.serve()
    gent.wait_ready()
    # Another visit, by somebody whose browser was closed meanwhile.
    await begin(tab, gent, file, rate=-1)
    await tab.until("location.pathname.length > '/publish/'.length")
    await tab.until("document.querySelector('main')?.textContent.includes('counts')")

    (stored,) = (gent.folder / "drafts").glob("*.data")
    assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()
    with gent.client() as client:
        assert client.uploads() == []


PAUSE_BETWEEN = """
const digest = crypto.subtle.digest.bind(crypto.subtle);
let calls = 0;
crypto.subtle.digest = async (...words) => {
  if (++calls === 2) document.getElementById('pause').click();
  return digest(...words);
};
"""
"""Clicks while the second piece is prepared: the first has arrived, and nothing is on its way."""


async def test_a_pause_between_two_pieces_holds(tab: Chromium, gent: Member, file: Path) -> None:
    await begin(tab, gent, file, rate=-1, before=PAUSE_BETWEEN)
    await first_piece(gent)
    await asyncio.sleep(1)
    assert await tab.ask(f"{STATE}.startsWith('Paused')")
    with gent.client() as client:
        (upload,) = client.uploads()
    assert upload["received"] == 8 << 20
    await tab.ask("document.getElementById('pause').click()")
    await tab.until("location.pathname.length > '/publish/'.length")


async def test_what_has_not_arrived_whole_is_listed_and_removed(tab: Chromium, gent: Member, file: Path) -> None:
    await begin(tab, gent, file)
    await first_piece(gent)
    await tab.look(f"{gent.url}/publish")
    await tab.until("!!document.getElementById('uploads')")
    listed = await tab.ask("document.querySelector('section[aria-labelledby=uploads]').textContent")
    assert "counts.csv" in listed
    assert "have arrived" in listed
    tab.loaded.clear()
    await tab.ask("document.querySelector('section[aria-labelledby=uploads] button').click()")
    await tab.settled()
    assert "The upload was removed." in await tab.ask("document.querySelector('main').textContent")
    with gent.client() as client:
        assert client.uploads() == []
