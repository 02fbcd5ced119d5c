"""The C2SP test vectors for age (github.com/C2SP/CCTV, folder age/testdata).

We write and read X25519 files without armor. Every vector within that scope must come out as the kit says,
including the exact bytes that are authentic before a payload fails; every vector outside must be refused with
a reason, whatever the kit expects of tools that read it.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.base.errors import InvalidInput
from node.exchange.age import Opener, PayloadInvalid
from node.exchange.age_header import HeaderForged, HeaderInvalid, NotForUs, Unsealable
from node.exchange.sealkeys import X25519Identity, read_identity
from tests.artefacts import SHARED, data

FOLDER = SHARED / "data" / "age-testkit"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md") if FOLDER.is_dir() else []

OUTCOMES: dict[type[Unsealable] | None, str] = {
    None: "success",
    HeaderInvalid: "header failure",
    HeaderForged: "HMAC failure",
    NotForUs: "no match",
    PayloadInvalid: "payload failure",
}


@dataclass(frozen=True)
class Vector:
    """One file of the kit. ``identity`` is its first X25519 identity; ``scope`` why it is outside, or nothing."""

    expected: str
    payload: str | None
    identity: X25519Identity
    scope: str
    sealed: bytes


def read_vector(path: Path) -> Vector:
    head, _, sealed = path.read_bytes().partition(b"\n\n")
    members: dict[str, list[str]] = {}
    for line in head.decode().splitlines():
        name, _, value = line.partition(": ")
        members.setdefault(name, []).append(value)
    if "compressed" in members:
        sealed = zlib.decompress(sealed)
    identities = []
    for text in members.get("identity", []):
        try:
            identities.append(X25519Identity(read_identity(text)))
        except InvalidInput:
            assert text.startswith("AGE-SECRET-KEY-PQ-1")
    if "armored" in members:
        scope = "armor"
    elif "passphrase" in members:
        scope = "passphrase"
    elif members.get("identity") and not identities:
        scope = "post-quantum"
    else:
        scope = ""
    stranger = X25519Identity(bytes(range(32)))
    return Vector(
        members["expect"][0],
        members.get("payload", [None])[0],
        identities[0] if identities else stranger,
        scope,
        sealed,
    )


def outcome(vector: Vector, step: int) -> tuple[str, str]:
    """What came of it, and the SHA-256 of all authentic plaintext."""
    opener, plain = Opener(vector.identity), hashlib.sha256()
    fault: Unsealable | None = None
    try:
        for at in range(0, len(vector.sealed), step):
            plain.update(opener.feed(vector.sealed[at : at + step]))
        plain.update(opener.finish())
    except Unsealable as error:
        fault = error
        plain.update(error.authentic if isinstance(error, PayloadInvalid) else b"")
    return OUTCOMES[type(fault) if fault else None], plain.hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_vector(name: str) -> None:
    vector = read_vector(data(f"age-testkit/{name}"))
    small = len(vector.sealed) < 2000
    for step in (max(1, len(vector.sealed)), 65_536 + 1, 1 if small else 7919):
        got, released = outcome(vector, step)
        if vector.scope:
            assert got != "success", f"a file with {vector.scope} opened"
            assert released == hashlib.sha256().hexdigest()
        else:
            assert got == vector.expected
            assert vector.payload is None or released == vector.payload


def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    """The figure to publish: vectors within our scope, and those refused by design."""
    vectors = {name: read_vector(data(f"age-testkit/{name}")) for name in NAMES or ["x25519"]}
    within = {name for name, vector in vectors.items() if not vector.scope}
    outside = [vector.scope for name, vector in vectors.items() if name not in within]
    right = sum(
        outcome(vectors[name], 65_536) == (vectors[name].expected, vectors[name].payload)
        or (vectors[name].payload is None and outcome(vectors[name], 65_536)[0] == vectors[name].expected)
        for name in within
    )
    refused = {scope: outside.count(scope) for scope in sorted(set(outside))}
    with capsys.disabled():
        print(f"\nage testkit: {right} of {len(within)} as expected; refused by design: {refused}")
    assert (right, len(within), len(vectors)) == (68, 68, 143)
    assert refused == {"armor": 33, "passphrase": 25, "post-quantum": 17}
