"""The settings for credentials at real nodes; a part of the official DCP kit where it is at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from node.identity.messages import VC11, VC20
from node.vocab.dsp import V2025_1
from tests.nodes import running
from tests.tck.__main__ import RUN, claims
from tests.tck.claims import EXPECTED, MEMBER, PARTS
from tests.tck.test_kit import CACHE

CATALOGUE = {"@context": [V2025_1.context], "@type": "CatalogRequestMessage", "filter": []}


def test_the_settings_name_the_profile_and_the_metadata_the_schema(tmp_path: Path, sqlite_template: Path) -> None:
    profiles = {"credential_profiles": {MEMBER: VC11}, "issues": [MEMBER, "OtherCredential"]}
    with (
        running(tmp_path / "node", template=sqlite_template, issuer=True, **profiles) as node,
        node.http() as http,
    ):
        credentials = http.get("/issuer/metadata").json()["credentialsSupported"]
        assert {one["credentialType"]: one["profile"] for one in credentials} == {
            MEMBER: VC11,
            "OtherCredential": VC20,
        }
        schema = http.get(credentials[0]["credentialSchema"]).json()
        assert schema["$id"] == credentials[0]["credentialSchema"]
        assert "memberOf" in schema["properties"]["credentialSubject"]["required"]
        assert http.get("/issuer/schemas/Nothing").status_code == 404


def test_who_lacks_a_required_credential_is_turned_away(tmp_path: Path, sqlite_template: Path) -> None:
    with (
        running(tmp_path / "caller", template=sqlite_template) as caller,
        running(tmp_path / "open", template=sqlite_template) as node,
        running(tmp_path / "closed", template=sqlite_template, required_credentials=[MEMBER]) as closed,
    ):
        with node.http(headers=caller.as_participant(node)) as http:
            assert http.get("/dsp/2025-1/negotiations/urn:uuid:none").status_code == 404
        with closed.http(headers=caller.as_participant(closed)) as http:
            assert http.get("/dsp/2025-1/negotiations/urn:uuid:none").status_code in (401, 404)
            answer = http.post("/dsp/2025-1/catalog/request", headers=caller.as_participant(closed), json=CATALOGUE)
        assert answer.status_code == 401
        assert MEMBER in answer.text


@pytest.mark.slow
@pytest.mark.skipif(not RUN.exists(), reason="the conformance kits are not at hand: set HANSA_SHARED")
@pytest.mark.skipif(shutil.which("java") is None, reason="the conformance kit needs a JDK")
@pytest.mark.skipif(not (CACHE / "dcp" / ".done").exists(), reason="the DCP kit was not fetched: make tck KIT=dcp")
@pytest.mark.parametrize("part", list(PARTS))
def test_a_part_of_the_kit_passes_against_a_node_of_settings_alone(part: str, tmp_path: Path) -> None:
    (run,) = claims(home=tmp_path, only=None, logs=tmp_path, parts=[part])
    assert (run.status, run.closing) == (0, f"{EXPECTED[part]} passed, 0 failed"), run.failures
