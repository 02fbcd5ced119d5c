"""Beginnings of files: kept while a transfer may go on, gone when it has ended."""

from __future__ import annotations

from pathlib import Path

from tests.nodes import Running, agree, publish, running, table, until

DATA = table(4 << 20)


def test_a_beginning_is_kept_for_a_pause_and_not_beyond_the_end(tmp_path: Path, sqlite_template: Path) -> None:
    slow = {"template": sqlite_template, "send_bytes_per_second": 384 << 10}
    with (
        running(tmp_path / "provider", **slow) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        agreement = agree(consumer, publish(provider, data=DATA)["iri"])["agreementId"]
        with consumer.client() as client:
            pid = client.transfer(agreement)["pid"]
            until("some bytes are here", lambda: _left(consumer))
            client.steer(pid, "suspend", reason="lunch")
            until("it is paused", lambda: client.transfer_state(pid, wait=2)["state"] == "SUSPENDED")
            until("the reading has stopped", lambda: client.transfer_state(pid)["reception"]["error"], 30)
            assert _left(consumer), "it can go on from here"
            client.steer(pid, "terminate", reason="no more")
            until("it has ended", lambda: client.transfer_state(pid, wait=2)["state"] == "TERMINATED")
            until("nothing is left of it", lambda: not _left(consumer))
            reception = until("that is told", lambda: _failed(client.transfer_state(pid)["reception"]))
            assert "ended before all bytes" in reception["error"]


def _left(node: Running) -> list[Path]:
    return [path for path in (node.folder / "received").rglob("*") if path.is_file() and path.stat().st_size]


def _failed(reception: dict[str, str]) -> dict[str, str] | None:
    return reception if reception["state"] == "failed" else None
