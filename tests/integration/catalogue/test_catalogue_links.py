"""The pages of a DSP catalogue name one another by whole addresses, in each version of the protocol."""

from __future__ import annotations

import re

import pytest

from node.dialogue.wire import in_version, read
from node.vocab.dsp import VERSIONS
from tests.nodes import Pair, publish

LINK = re.compile(r'<([^>]+)>; rel="(\w+)"')


@pytest.mark.parametrize("version", VERSIONS.values(), ids=lambda one: one.name)
def test_pages_name_one_another(pair: Pair, version: object, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol_version = next(one for one in VERSIONS.values() if one == version)
    for slug in ("first", "second", "third"):
        publish(pair.provider, slug)
    monkeypatch.setattr(pair.provider.node.catalogue.dsp, "page", 2)
    message = in_version({"@context": [protocol_version.context], "@type": "CatalogRequestMessage"})
    begin = f"{pair.provider.url}{protocol_version.path}/catalog/request"

    def page(url: str) -> tuple[list[str], dict[str, str]]:
        with pair.consumer.http() as http:
            answer = http.post(url, json=message, headers=pair.consumer.as_participant(pair.provider))
        assert answer.status_code == 200, answer.text
        found = read(answer.content)
        links = {rel: where for one in answer.headers.get_list("link") for where, rel in LINK.findall(one)}
        return [one["@id"].rpartition("/")[2] for one in found["dataset"]], links

    names, links = page(begin)
    assert names == ["first", "second"]
    assert set(links) == {"next"}
    assert links["next"].startswith(f"{begin}?continuationToken=")
    names, links = page(links["next"])
    assert names == ["third"]
    assert links == {"previous": begin, "first": begin}
