"""Lines of the audit trail for a security log: nothing that others wrote makes a field or a line of its own."""

from __future__ import annotations

import re
from typing import Any

from node.base.jsons import canonical
from node.operation.security_log import LONGEST, log_line


def entry(**members: Any) -> dict[str, Any]:
    return {
        "seq": 7,
        "id": "urn:uuid:1",
        "at": "2026-11-20T10:00:00.000000Z",
        "kind": "decision",
        "subject": "https://data.ghent.example/datasets/counts",
        "by": "els",
        "body": {"outcome": "approved"},
        **members,
    }


def test_an_entry_is_a_line() -> None:
    assert log_line(entry(), host="data.ghent.example", version="0.1.0") == (
        "<110>1 2026-11-20T10:00:00.000000Z data.ghent.example hansa - decision - "
        "CEF:0|Hansa|node|0.1.0|decision|Ledger entry: decision|5|"
        "rt=2026-11-20T10:00:00.000000Z externalId=urn:uuid:1 suser=els cn1Label=number cn1=7 cs1Label=subject "
        'cs1=https://data.ghent.example/datasets/counts msg={"outcome":"approved"}'
    )


def test_stored_text_stays_in_its_field() -> None:
    line = log_line(
        entry(by="x\nCEF:0|evil suser=root\r\u2028\x1b[0m", body={"note": "a=b\\c"}), host="a b", version="1|2"
    )
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert line.startswith("<110>1 2026-11-20T10:00:00.000000Z ab hansa - decision - CEF:0|Hansa|node|1\\|2|")
    assert re.findall(r"(?<= )(\w+)=", line) == [
        "externalId", "suser", "cn1Label", "cn1", "cs1Label", "cs1", "msg"
    ]  # fmt: skip
    assert '{"note":"a\\=b\\\\\\\\c"}' in line


def test_a_long_content_is_cut_and_says_so() -> None:
    line = log_line(entry(body={"text": "x" * LONGEST}), host="h", version="1")
    assert line.endswith("… (cut)")
    assert len(line) < LONGEST + 500


def test_a_line_is_the_same_from_the_stored_content() -> None:
    for body in (
        {"outcome": "approved", "note": "é = \\ \n \u2028"},
        {"text": "ü" * LONGEST},
        {"text": "𝄞" * LONGEST},
    ):
        line = log_line(entry(body=dict(sorted(body.items()))), host="h", version="1")
        assert log_line(entry(body=None), host="h", version="1", content=canonical(body)) == line
