"""axe-core, which finds faults of accessibility in a page; from npm, kept outside of the repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chromium import Chromium

VERSION = "4.14.1"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_SECONDS = 300


@dataclass(frozen=True)
class Violation:
    """A rule that a page breaks, and the first elements that break it."""

    rule: str
    elements: tuple[str, ...]


def axe_script() -> str:
    """The source of axe-core; skips the test with the reason where it cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here: axe-core cannot be installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "hansa-tests" / f"axe-core-{VERSION}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, f"axe-core@{VERSION}"]
        if subprocess.run(install, capture_output=True, check=False, timeout=_SECONDS).returncode != 0:
            pytest.skip("npm cannot install axe-core here")
    return script.read_text("utf-8")


async def violations(tab: Chromium, script: str) -> list[Violation]:
    """The rules that the page in ``tab`` breaks."""
    if not await tab.ask("'axe' in window"):
        await tab.ask(f"{script}; null")
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    result: list[dict[str, Any]] = await tab.ask(
        f"axe.run(document, {options}).then(r => r.violations.map(v => "
        "({rule: v.id, elements: v.nodes.slice(0, 3).map(n => n.html.slice(0, 160))})))"
    )
    return [Violation(rule=one["rule"], elements=tuple(one["elements"])) for one in result]
