"""``hansa run check --drafts``: the transformations that a check drafted, as descriptions that can be published."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from node.base.errors import InvalidInput
from node.cli.run_progress import obstacles, write_drafts
from node.scenarios.tables.mapping_grammar import parse_mapping

DRAFT = {"units": {"flow": "{vehicles}/(15.min)"}, "flow": {"rename": "flow", "unit": "{vehicles}/h"}}
FINDING = {
    "place": "step noise.traffic",
    "sentence": "counts.flow comes in vehicles per 15 min; noise needs vehicles per hour",
    "remedy": "",
    "draft": DRAFT,
}


def test_each_place_has_one_description(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    others = [{**FINDING, "sentence": "another"}, {"place": "input x", "sentence": "no draft"}]
    (path,) = write_drafts([FINDING, *others], tmp_path / "drafts")
    fields = yaml.safe_load(path.read_text("utf-8"))
    assert path.name == "fit-step-noise-traffic.yaml"
    assert (fields["kind"], fields["language"], fields["id"]) == (
        "transformation", "column mapping", "fit-step-noise-traffic",
    )  # fmt: skip
    parse_mapping(fields["definition"])
    with pytest.raises(InvalidInput, match="exists"):
        write_drafts([FINDING], tmp_path / "drafts")
    obstacles([FINDING])
    assert "--drafts FOLDER" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_drafts([FINDING], tmp_path / "file" / "below")
