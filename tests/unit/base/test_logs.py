"""Log lines: one event is one line, whatever a peer has said in it."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from node.base.logs import JsonLines, TextLines

FORGED = "gone\n12:00:00 INFO    hansa.web  all is well\x1b[2K\r\u2028 – é 漢"


def record(message: str, *arguments: object, failed: bool = False, **extra: Any) -> logging.LogRecord:
    trace = None
    if failed:
        try:
            raise ValueError("a fault of ours")
        except ValueError:
            trace = sys.exc_info()
    made = logging.LogRecord("hansa.test", logging.INFO, __file__, 1, message, arguments, trace)
    made.__dict__.update(extra)
    return made


def test_nobody_writes_lines_of_their_own() -> None:
    line = TextLines().format(record("the peer says %s", FORGED, peer=FORGED))
    assert line.splitlines() == [line]
    assert line.isprintable()
    assert line.count("gone\\n12:00:00") == 2
    assert "– é 漢" in line


def test_the_trace_of_a_fault_keeps_its_lines() -> None:
    lines = TextLines().format(record("a fault", failed=True, task="urn:t")).splitlines()
    assert lines[0].endswith("a fault  task=urn:t")
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: a fault of ours"


def test_machines_get_one_object_a_line() -> None:
    line = JsonLines().format(record("the peer says %s", FORGED, peer=FORGED))
    assert "\n" not in line
    assert json.loads(line)["message"] == f"the peer says {FORGED}"
    assert json.loads(line)["peer"] == FORGED
