"""A slice of the official kit in the test suite: a few tests of each of its groups. All of it: ``make tck``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import CannotBeHad
from tests.tck.__main__ import ABSENT, RUN, Run, main, require_kit, runs

CACHE = Path(os.environ.get("KITS_CACHE", Path.home() / ".cache" / "hansa-kits"))
SLICE = r"^(MET|CAT|CN:01-02|CN:03-01|CN_C:01-01|CN_C:01-02|CN_C:03-05|TP:01-04|TP:03-03|TP_C:02-03|TP_C:03-04)"
TESTS = 13


@pytest.mark.slow
@pytest.mark.skipif(not RUN.exists(), reason="the conformance kits are not at hand: set HANSA_SHARED")
@pytest.mark.skipif(shutil.which("java") is None, reason="the conformance kit needs a JDK")
@pytest.mark.skipif(
    not (CACHE / "dsp" / ".done").exists(), reason="the DSP kit was not fetched: make tck, or shared/kits/run fetch"
)
def test_a_slice_of_the_kit_passes_twice_against_one_node(tmp_path: Path) -> None:
    for run in runs("sqlite", 2, home=tmp_path, only=SLICE, logs=tmp_path):
        assert (run.status, run.closing) == (0, f"{TESTS} passed, 0 failed"), run.failures


@pytest.mark.parametrize(("status", "expected"), [(0, ABSENT), (1, 1)])
def test_a_run_that_failed_counts_though_the_next_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, expected: int
) -> None:
    def some(store: str, *_: Any, **__: Any) -> Iterator[Run]:
        if store == "postgres":
            raise CannotBeHad("PostgreSQL cannot be had")
        yield Run(store, 1, status, "64 passed, 1 failed", 60.0, ())

    monkeypatch.setattr("tests.tck.__main__.require_kit", lambda: None)
    monkeypatch.setattr("tests.tck.__main__.runs", some)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main([]) == expected
    assert "PostgreSQL cannot be had" in capsys.readouterr().err


def test_without_a_jdk_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CannotBeHad, match="needs a JDK"):
        require_kit()
