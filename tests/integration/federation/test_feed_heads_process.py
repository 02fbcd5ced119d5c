"""An answer of the feed that waits, and the end of the process that holds it."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx2

from node.catalogue.feed.waits import LONGEST
from tests.node_processes import node_process
from tests.waits import until


def test_a_process_that_ends_answers_those_that_wait(tmp_path: Path) -> None:
    """They are answered (304) and not cut off, and the process does not wait for the end of their time."""
    with node_process(tmp_path) as process, process.client() as client:
        own = {"Authorization": f"Bearer {client.address.token}"}
        first = httpx2.get(f"{process.url}/feed/heads", headers=own)
        headers = {**own, "Prefer": f"wait={LONGEST:.0f}", "If-None-Match": first.headers["etag"]}
        answers: list[httpx2.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx2.get(f"{process.url}/feed/heads", headers=headers, timeout=60))
        )
        asking.start()
        until(
            "the node holds the answer back",
            lambda: "hansa_feed_followers 1\n" in httpx2.get(f"{process.url}/metrics", headers=own).text,
        )
        assert process.process is not None
        process.process.terminate()
        assert process.process.wait(60) == 0
        asking.join(60)
    assert [answer.status_code for answer in answers] == [304]
    assert answers[0].elapsed.total_seconds() < LONGEST, "it was answered at the end of the process"
