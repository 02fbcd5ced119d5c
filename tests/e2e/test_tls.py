"""A node that serves TLS itself: reached by its own terminal, not by whoever trusts public authorities only."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.nodes import Member, free_ports
from tests.node_processes import served

NAME = "data.ghent.example"


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    home = tmp_path_factory.mktemp("tls")
    (port,) = free_ports(1)
    process = Member("ghent", "City of Ghent", home, port)
    init = process.hansa(
        "init", str(process.folder), "--name", "City of Ghent", "--url", f"https://{NAME}", "--port", str(port)
    )
    assert init.returncode == 0, init.stderr
    certify(process.folder)
    settings = process.folder / "hansa.toml"
    settings.write_text(settings.read_text("utf-8") + 'tls_certificate = "tls.pem"\ntls_key = "tls.key"\n', "utf-8")
    with served(process):
        yield process


def certify(folder: Path) -> None:
    """A key and a self-signed certificate for the public name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_the_terminal_reaches_its_own_node(member: Member) -> None:
    found = member.hansa("find", "anything")
    assert found.returncode == 0, found.stderr
    assert '"total": 0' in found.stdout


def test_doctor_finds_it_running(member: Member) -> None:
    told = member.hansa("doctor", str(member.folder), json=False)
    assert "the node is running and ready" in told.stdout
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_world_does_not_trust_it(member: Member) -> None:
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        httpx2.get(f"https://127.0.0.1:{member.port}/health", timeout=5, trust_env=False)


def test_another_certificate_is_not_taken_for_the_node(member: Member, tmp_path: Path) -> None:
    certify(tmp_path)
    context = ssl.create_default_context(cafile=str(tmp_path / "tls.pem"))
    context.check_hostname = False
    with pytest.raises(httpx2.ConnectError, match="certificate"):
        httpx2.get(f"https://127.0.0.1:{member.port}/health", timeout=5, trust_env=False, verify=context)


def test_a_changed_address_is_refused_in_words(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    moved = Member("moved", "Moved", tmp_path, port)
    moved.init()
    settings = moved.folder / "hansa.toml"
    settings.write_text(
        settings.read_text("utf-8")
        .replace(f"127.0.0.1:{port}", "data.moved.example")
        .replace("http://data", "https://data"),
        "utf-8",
    )
    served = subprocess.run(
        [sys.executable, "-m", "node.cli", "serve", str(moved.folder)],
        capture_output=True, text=True, env=moved.environment(), cwd=tmp_path, timeout=30, check=False,
    )  # fmt: skip
    assert served.returncode != 0
    assert "set public_url back" in served.stderr
    told = moved.hansa("doctor", str(moved.folder), json=False)
    assert told.returncode == 1
    assert "would make this node did:web:data.moved.example" in told.stdout + told.stderr
