"""Sealed files that we write open in other implementations, and theirs in ours, at every chunk edge."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest
from pyrage import x25519

from node.exchange.age import CHUNK
from node.exchange.sealkeys import X25519Identity, read_identity, recipient_text
from tests.fakes.age_keys import identity_text
from tests.unit.exchange.test_age import content, opened, plan_for, seal

EDGES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK)
AGE = os.environ.get("HANSA_AGE") or shutil.which("age")

needs_age = pytest.mark.skipif(AGE is None, reason="the age tool is not installed (Debian package age, or HANSA_AGE)")


@pytest.fixture
def identity() -> X25519Identity:
    return X25519Identity(random.Random(1).randbytes(32))


def secret() -> bytes:
    return random.Random(1).randbytes(32)


def test_keys_have_the_same_texts_in_rage() -> None:
    theirs = x25519.Identity.generate()
    ours = X25519Identity(read_identity(str(theirs)))
    assert recipient_text(ours.seal_public_key()) == str(theirs.to_public())
    assert str(x25519.Identity.from_str(identity_text(secret())).to_public()) == recipient_text(
        X25519Identity(secret()).seal_public_key()
    )


@pytest.mark.parametrize("size", EDGES)
async def test_rage_opens_ours_and_we_open_theirs(size: int, identity: X25519Identity) -> None:
    source = content(size)
    sealed = await seal(source, plan_for(source, identity))
    theirs = x25519.Identity.from_str(identity_text(secret()))
    assert pyrage.decrypt(sealed, [theirs]) == source
    out = io.BytesIO()
    pyrage.decrypt_io(io.BytesIO(sealed), out, [theirs])
    assert out.getvalue() == source
    assert opened(pyrage.encrypt(source, [theirs.to_public()]), identity) == source


async def test_rage_does_not_open_what_is_for_somebody_else(identity: X25519Identity) -> None:
    source = content(10)
    sealed = await seal(source, plan_for(source, identity))
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [x25519.Identity.generate()])


@needs_age
@pytest.mark.parametrize("size", EDGES)
async def test_the_age_tool_opens_ours_and_we_open_its(size: int, identity: X25519Identity, tmp_path: Path) -> None:
    assert AGE is not None
    source = content(size)
    (tmp_path / "key.txt").write_text(f"# exported\n{identity_text(secret())}\n")
    (tmp_path / "key.txt").chmod(0o600)
    sealed = await seal(source, plan_for(source, identity))
    (tmp_path / "counts.csv.age").write_bytes(sealed)
    opening = [AGE, "-d", "-i", str(tmp_path / "key.txt"), str(tmp_path / "counts.csv.age")]
    assert subprocess.run(opening, check=True, capture_output=True, timeout=20).stdout == source
    sealing = [AGE, "-r", recipient_text(identity.seal_public_key())]
    theirs = subprocess.run(sealing, check=True, input=source, capture_output=True, timeout=20).stdout
    assert opened(theirs, identity, step=10_000) == source
