"""Results in the asset store: any of them back as it was, and those of before too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from node.adapters.planes.files import FolderAssets
from node.exchange.offloop import once
from node.scenarios.models.requests import as_json
from node.scenarios.models.result_files import contents_of, find, keep, length
from node.scenarios.ports import Outcome
from node.scenarios.run_model import Caveat

ODD = '},"places":{"a":[0,9]}}'
CAVEATS = (Caveat(code="c", sentence=f'Mind ,"outputs":{{ and {ODD}'),)


async def read(assets: FolderAssets, sha256: str) -> tuple[dict[str, Any], Any]:
    result_file = await find(assets, sha256)
    outputs = {}
    for role, piece in result_file.outputs.items():
        body = b"".join([chunk async for chunk in contents_of(assets, result_file.sha256, [piece])])
        assert len(body) == length([piece])
        outputs[role] = json.loads(body)
    assert isinstance(result_file.caveats, bytes)
    return outputs, json.loads(result_file.caveats)


@pytest.mark.parametrize("count", [0, 1, 2000, 2001, 4500])
async def test_what_was_kept_comes_back(tmp_path: Path, count: int) -> None:
    assets = FolderAssets(tmp_path)
    rows = [{"id": number, "text": f"é{ODD}"} for number in range(count)]
    outputs = {"b": rows, "a": [{"x": ODD}], "caveats": []}
    sha256 = await keep(assets, Outcome(outputs=outputs, caveats=CAVEATS))
    found, caveats = await read(assets, sha256)
    assert found == outputs
    assert caveats[0]["sentence"] == CAVEATS[0].sentence
    whole = json.loads(b"".join([chunk async for chunk in await assets.open(sha256)]))
    assert whole["outputs"] == outputs


@pytest.mark.parametrize("text", ["plain", ODD])
async def test_results_that_were_kept_before(tmp_path: Path, text: str) -> None:
    assets = FolderAssets(tmp_path)
    before = {"outputs": {"a": [{"x": text}], "b": []}, "caveats": []}
    body = as_json(before)
    sha256 = (await assets.take_in(once(body), limit=len(body))).sha256
    assert await read(assets, sha256) == (before["outputs"], [])
