"""Memory that is free goes back to the system: measured in a process of its own, which has threads as a node has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.base import heap

PROGRAM = """
import json, threading
from node.base import heap

heap.limit_arenas()
memory = heap.FreeMemory()
start = heap.resident()
held = []

def work(number):
    # Small blocks, as those of an engine; every hundredth stays, and holds the top of its arena.
    blocks = [(str(number) * 20 + str(place)).encode() * 40 for place in range(20_000)]
    held.append(blocks[::100])

threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
large = bytearray(64 << 20)
grown = heap.resident()
del large, held
memory.settle()
print(json.dumps({"start": start, "grown": grown, "end": heap.resident(), "again": memory.settle()}))
"""


def test_what_is_freed_goes_back_to_the_system() -> None:
    root = Path(__file__).resolve().parents[3]
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=root)
    sizes = json.loads(ran.stdout)
    assert sizes["grown"] - sizes["start"] > 50 << 20
    assert sizes["end"] - sizes["start"] < 48 << 20
    assert sizes["again"] is False, "nothing has grown since"


def test_nothing_is_done_until_the_process_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heap.resident() > 1 << 20
    size = 100 << 20
    monkeypatch.setattr(heap, "resident", lambda: size)
    memory = heap.FreeMemory()
    size = 110 << 20
    assert memory.settle() is False
    size = 120 << 20
    assert memory.settle() is True
    size = 90 << 20
    assert memory.settle() is False, "it is smaller; from here it may grow again"
    size = 107 << 20
    assert memory.settle() is True
