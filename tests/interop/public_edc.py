"""An EDC with the public API of its data plane: the end point that others pull from.

The modules of EDC 0.15 have none. That of 0.13 runs inside EDC 0.14, from which Maven puts this one together
(``public/pom.xml``); ``public/PublicEdc.java`` starts it, with keys for its tokens.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.interop.edc import CACHE, QUICK, CannotBeHad, Edc, free_ports

HERE: Final = Path(__file__).resolve().parent / "public"
LIBRARY: Final = CACHE / "edc-public"
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_START: Final = 90.0


def is_fetched() -> bool:
    """Whether its modules are here, as ``pom.xml`` names them."""
    done = LIBRARY / ".done"
    return done.exists() and done.read_bytes() == (HERE / "pom.xml").read_bytes()


def fetch() -> None:
    """Have Maven fetch the modules, once. Raises ``CannotBeHad``."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        raise CannotBeHad(f"EDC needs a JDK (17 or newer) and Maven; not found: {', '.join(missing)}")
    if is_fetched():
        return
    shutil.rmtree(LIBRARY, ignore_errors=True)
    LIBRARY.mkdir(parents=True)
    words = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), _COPY, f"-DoutputDirectory={LIBRARY}"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise CannotBeHad(f"the modules of EDC's public API cannot be had: {' '.join(said[:1])[:300]}")
    (LIBRARY / ".done").write_bytes((HERE / "pom.xml").read_bytes())


@contextmanager
def running_public_edc(folder: Path) -> Iterator[Edc]:
    """One at free ports, its state in memory; its settings and its log are in ``folder``. Raises ``CannotBeHad``."""
    fetch()
    folder.mkdir(parents=True, exist_ok=True)
    edc = Edc(free_ports(6))
    settings, log = folder / "edc.properties", folder / "edc.log"
    settings.write_text("".join(f"{name}={value}\n" for name, value in _settings(edc).items()))
    words = ["java", f"-Dedc.fs.config={settings}", "-cp", f"{LIBRARY}/*", str(HERE / "PublicEdc.java")]
    with log.open("w") as output:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(process, log)
        yield edc
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + _START
    while " ready" not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > ends:
            said = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise CannotBeHad(f"EDC with a public API did not start: {' '.join(said)[:500]}")
        time.sleep(0.1)


def _settings(edc: Edc) -> dict[str, object]:
    contexts = ("", "management", "protocol", "control", "version", "public")
    settings: dict[str, object] = {}
    for offset, name in enumerate(contexts, 1):
        prefix = f"web.http.{name}." if name else "web.http."
        settings |= {f"{prefix}port": edc.port + offset, f"{prefix}path": f"/{name or 'api'}"}
    retry, _, times = QUICK.partition("=")
    return settings | {
        "edc.participant.id": edc.did,
        "edc.component.id": edc.did,
        "edc.hostname": "localhost",
        "edc.iam.mock.region": "eu",
        "edc.dsp.callback.address": f"{edc.origin}/protocol",
        "edc.dpf.selector.url": f"http://localhost:{edc.port + 4}/control/v1/dataplanes",
        "edc.dataplane.api.public.baseurl": f"http://localhost:{edc.port + 6}/public",
        "edc.transfer.proxy.token.signer.privatekey.alias": "private-key",
        "edc.transfer.proxy.token.verifier.publickey.alias": "public-key",
        retry: times,
    }
