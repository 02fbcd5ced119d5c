"""A slice of ``make interop`` in the test suite: a few cases with a live EDC, where one can be had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.interop import __main__ as interop
from tests.interop.__main__ import ABSENT, Verdict, counts, main, played
from tests.interop.edc import CACHE, KIT, CannotBeHad, require_edc
from tests.interop.public_edc import is_fetched

SLICE = r"paged|pulls|Hansa negotiates"


@pytest.mark.slow
@pytest.mark.skipif(not KIT.exists(), reason="the kits are not at hand: set HANSA_SHARED")
@pytest.mark.skipif(shutil.which("java") is None, reason="EDC needs a JDK")
@pytest.mark.skipif(not (CACHE / "edc" / ".done").exists(), reason="EDC was not fetched: make interop")
def test_a_slice_of_the_cases_with_a_live_edc(tmp_path: Path) -> None:
    verdicts = list(played(tmp_path, ["2025-1"], only=SLICE))
    assert len(verdicts) >= 4
    assert [(one.case, one.fault) for one in verdicts if one.fault is not None] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="EDC needs a JDK")
@pytest.mark.skipif(not is_fetched(), reason="EDC with a public API was not fetched: make interop")
def test_a_pull_from_the_public_api_of_a_live_edc(tmp_path: Path) -> None:
    verdicts = list(played(tmp_path, ["2025-1"], public=True))
    assert len(verdicts) == 2
    assert [(one.case, one.fault) for one in verdicts if one.fault is not None] == []


def test_without_a_jdk_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(CannotBeHad, match="needs a JDK"):
        require_edc()
    assert main([]) == ABSENT
    assert "needs a JDK" in capsys.readouterr().err


def test_without_postgresql_it_says_so_after_what_could_be_played(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    absent = tmp_path / "postgres"
    absent.write_text("#!/bin/sh\necho 'PostgreSQL cannot be had: no initdb' >&2\nexit 3\n")
    absent.chmod(0o755)
    in_memory = Verdict("memory", "2025-1", "Hansa refuses EDC", None, 1.0)
    monkeypatch.setattr("tests.postgres._SCRIPT", absent)
    monkeypatch.setattr(interop, "require_edc", lambda: None)
    monkeypatch.setattr(interop, "played", lambda *_, public, **__: iter([] if public else [in_memory]))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main([]) == ABSENT
    told = capsys.readouterr()
    assert told.err == "make interop: PostgreSQL cannot be had: no initdb\n"
    assert told.out.splitlines() == [str(in_memory), "1 passed, 0 failed (memory 2025-1 1/1)"]
    assert main(["--store", "memory"]) == 0


def test_the_closing_line_counts_each_half() -> None:
    fine = Verdict("memory", "2025-1", "EDC pulls from Hansa", None, 3.04)
    bad = Verdict("postgres", "2024/1", "EDC pulls from Hansa", "AssertionError: it did not", 3.0)
    told_again = Verdict("postgres", "2024/1", "Hansa refuses EDC", None, 1.0, again=2)
    assert counts([fine, bad, told_again]) == "2 passed, 1 failed (memory 2025-1 1/1, postgres 2024/1 1/2)"
    assert str(fine) == "ok      memory    2025-1   EDC pulls from Hansa  (3.0 s)"
    assert str(bad).startswith("FAILED  postgres")
    assert str(bad).endswith("it did not")
    assert str(told_again).endswith("(1.0 s, 2 × told again: EDC was at work on it)")
