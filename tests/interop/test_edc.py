"""A slice of ``make interop`` in the test suite: a few cases with a live EDC, where one can be had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.interop.__main__ import ABSENT, main, played
from tests.interop.edc import CACHE, KIT, CannotBeHad, require_edc

SLICE = r"paged|pulls|Hansa negotiates"


@pytest.mark.slow
@pytest.mark.skipif(not KIT.exists(), reason="the kits are not at hand: set HANSA_SHARED")
@pytest.mark.skipif(shutil.which("java") is None, reason="EDC needs a JDK")
@pytest.mark.skipif(not (CACHE / "edc" / ".done").exists(), reason="EDC was not fetched: make interop")
def test_a_slice_of_the_cases_with_a_live_edc(tmp_path: Path) -> None:
    verdicts = list(played(tmp_path, ["2025-1"], only=SLICE))
    assert len(verdicts) >= 4
    assert [(one.case, one.fault) for one in verdicts if one.fault is not None] == []


def test_without_a_jdk_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(CannotBeHad, match="needs a JDK"):
        require_edc()
    assert main([]) == ABSENT
    assert "needs a JDK" in capsys.readouterr().err
