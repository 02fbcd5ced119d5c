"""Pages for people, data for machines."""

from __future__ import annotations

import pytest

from node.portal.accept import prefers_page


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "application/xhtml+xml",
        "TEXT/HTML;level=1",
        "application/json;q=0.5, text/html;q=0.6",
        "text/turtle, text/html",
    ],
)
def test_people_get_pages(accept: str) -> None:
    assert prefers_page(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/*",
        "application/json",
        "text/turtle",
        "text/html;q=0",
        "text/html;q=0.3, application/ld+json",
        "application/ld+json, text/html;q=0.9",
        ";,;,",
    ],
)
def test_machines_get_data(accept: str) -> None:
    assert not prefers_page(accept)
