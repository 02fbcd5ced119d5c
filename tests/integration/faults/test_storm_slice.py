"""A slice of the kill storm: real nodes, SIGKILL at random instants under load, and nothing lost, doubled, apart.

``make storm KILLS=100`` is the whole of it. The seed is fixed, the instants are not: what the machine does in
between differs from run to run, so a failure here is a finding even where the next run passes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storm import run, summary

KILLS = 6


@pytest.mark.slow
def test_a_slice_of_the_storm(tmp_path: Path) -> None:
    tally = run(kills=KILLS, seed=20261120, store="sqlite", home=tmp_path)
    found = {name: getattr(tally.findings, name) for name in ("lost", "doubled", "diverged")}
    assert found == {"lost": [], "doubled": [], "diverged": []}, summary(tally)
    assert tally.kills >= KILLS
    kinds = ("records", "negotiations", "agreements", "transfers", "terminations")
    assert all(getattr(tally, kind) for kind in kinds), f"something of each kind while nodes died: {summary(tally)}"
