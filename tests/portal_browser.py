"""A person's browser without scripts: signed in, and sending the forms of pages as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.nodes import Running


@contextmanager
def signed_in(node: Running) -> Iterator[httpx2.Client]:
    """The browser of the administrator of ``node``."""
    headers = {"Accept": "text/html", "Accept-Language": "en", "Origin": node.url}
    with node.http(headers=headers, timeout=60) as client:
        fields = {"login": "admin", "password": node.password, "next": "/"}
        assert post(client, "/sign-in", "/sign-in", **fields).status_code == 303
        yield client


def csrf_of(page: str) -> str:
    """The token in the first form of a page."""
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    return token[1]


def post(client: httpx2.Client, form: str, path: str, **fields: str) -> Any:
    """Send ``fields`` to ``path``, with the token of the page at ``form``."""
    return client.post(path, data={"csrf": csrf_of(client.get(form).text), **fields})
