"""What both sides sign stays as it was: the document's bytes, and the texts that it is made of.

A signature holds for bytes. A node makes them again to check an agreement of years ago, and its peer makes them with
an edition of its own, so a text that goes into the document is not changed, however much better it could be said.
"""

from __future__ import annotations

import hashlib
import json
from itertools import chain
from typing import Any

import pytest

from node.policy.document.rendering import text_sha256
from node.texts.catalogue import Catalogue
from node.texts.languages import LANGUAGES
from tests.fakes.policy import P3, P4, P5
from tests.unit.policy.test_document import agreement

FIGURES = {
    "permission": [
        {
            "action": "odrl:use",
            "constraint": [
                {"leftOperand": "odrl:dateTime", "operator": "gteq", "rightOperand": "2027-01-01T00:00:00Z"},
                {"leftOperand": "odrl:dateTime", "operator": "lt", "rightOperand": "2028-03-01T06:00:01.5Z"},
                {"leftOperand": "odrl:elapsedTime", "operator": "lteq", "rightOperand": "P1Y2M3DT4H5M6S"},
                {"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": "3"},
                {"leftOperand": "hz:minimumCellSize", "operator": "gteq", "rightOperand": "10"},
            ],
        },
        {"action": "odrl:derive"},
        {"action": "odrl:execute"},
        {"action": "cc:CommercialUse"},
    ],
    "prohibition": [
        {"action": "odrl:distribute"},
        {"action": "odrl:reproduce"},
        {"action": "odrl:transfer"},
        {"action": "odrl:modify"},
    ],
    "obligation": [
        {"action": "odrl:delete", "constraint": [
            {"leftOperand": "odrl:elapsedTime", "operator": "lteq", "rightOperand": "PT1.5H"}]},
        {"action": "odrl:attribute"},
        {"action": "odrl:inform"},
        {"action": "odrl:anonymize"},
        {"action": "odrl:compensate", "constraint": [
            {"leftOperand": "odrl:payAmount", "operator": "eq", "rightOperand": "120.50", "unit": "EUR"}]},
    ],
}  # fmt: skip
"""Dates, durations and counts in every form, and actions of every sort."""

BODIES: dict[str, Any] = {
    "open": agreement("open"),
    "members": agreement("members"),
    "P3": agreement(P3),
    "P4": agreement(P4),
    "P5": agreement(P5),
    "figures": agreement("open", timestamp="2026-05-01T00:00:00Z", **FIGURES),
}

SIGNED: dict[str, str] = {
    "open en": "628a422196ea7040085f990b02586d2f82690125fba264f8f7a0149e30e22447",
    "open nl": "d76b6b5d31b2d1ebfd2bb975613974f565f69af64e954f43d64db006aae47712",
    "open cs": "efa89958f5c250aa1bb6ed6d05ebee9e00b5b265a3eba96cffd1fff7d3aaac0a",
    "open fr": "2846ba69e0f46e2f8b7710c3ff94a48df075ec98b318a04631ed49c9a487782b",
    "open de": "dd01e5ee8a685872f8891a1e14e6f5ceb727ed3e325b9078276ff1cd83addb40",
    "members en": "178ed1e05d8e1d933ccb1a71b8ae0ccf135cecdb297e653aabfa888d296dfd5b",
    "members nl": "1699be778ad2ae4f323e2cd176805ed25e5b19e89846d93129fde3702c83ff3c",
    "members cs": "b5714ba0f3fde6b8ce36af575352ca260a99f05297db7a50eebebdfb90e1bf8b",
    "members fr": "2011c096a94d67cfc5a9ecfdf7e19fd6de685c32e7600705bb6da2af5247dbaf",
    "members de": "69ad86e7ef6245b1f8d3ab3052925796572accfac043b706fc64efe3d8f78be9",
    "P3 en": "811c883bf15fd8cdfa7a8d7c3e66aa989c0317f3c9634b2fa72f0ac7e79cb6e0",
    "P3 nl": "cadc261980b2f6dc4afd131fa6916b5dc4da8490b59726e72031be792655f074",
    "P3 cs": "938f7db3057bf65dbd131913059b2d3fe8a1c9a6b4794f1748629b7961643047",
    "P3 fr": "762dc2b37a62414d6d661f5ebf57b1ad93c75c47ff82570a71c2c95a8559e35a",
    "P3 de": "778b9d7c0b18f1147d19201a99e5bb3e5b7a15cb473d1dea9e04b0865ee58888",
    "P4 en": "9eb85f7d98b9b9f9e1f3fd3684dadcb1739aaea511a7c6106ce6848c55622380",
    "P4 nl": "7ed1cfa9328c4d01ce46f96b8103ca3dc1a88a270dbf1be75d49edfe7f5dc4ca",
    "P4 cs": "9535271a2b017ba9e8ee9b564b730846513eeda957f829b6539f3d016ca25892",
    "P4 fr": "31ed0c06541f7ca99bcb793445addddf402af5ed9e449825c50223aec55360ef",
    "P4 de": "813ab36ab92342f4bb20be373f805470898fc5ef43a4044d8dd4731cd7be73e6",
    "P5 en": "695111954d3e371b267373230298c3db8c938bf3276cf94c02cab2f06caf35ca",
    "P5 nl": "78d4f343fcb453e1a26845366fb8796fdfcc9d6f02dea4b1fcc89601a9741567",
    "P5 cs": "a180b921d816bdfede8b7d44ffa2fe6872fa206e82414b6d7189a4e0ad42988e",
    "P5 fr": "de0c30965f806baa2a981a61b5c6b262c9c0919021a794bba6202700df1225e3",
    "P5 de": "5bb2dc330011fa5cd4297ab4b5caf6269c3b07363d5fbfe9f615f87f3d7b3525",
    "figures en": "7f1a7f7f81f3b8a070014adda7212d69a8bc7e734da1ea0eb2f6762c8f2d7b3e",
    "figures nl": "f3f92674a2f2889af8280c3c5f55e3dbcc5beadff64e2d6ffa3293ab53b3aa7c",
    "figures cs": "42dec6567b51243227702688f6e99e5d5274cb351f92e72c7e901df020661c40",
    "figures fr": "6a2aa05ee6e2ce960feaa84eac82458c4ccf3e5f68815ef5d3f8f6edbfee93d8",
    "figures de": "3c1341c603920d65db35ca74459eeab0a275c379dc5d7f7315c09a6001c0b704",
}
"""Agreement and language → hash of its document, as the first edition made it."""

FROZEN: dict[str, str] = {
    "policy en": "084f4bea0cdd87c232ec8457a84d941015a253fe724acaee79fce8c52df26481",
    "policy nl": "f6c34aa958433d991f57052d512ceef43130d9b13f4868a9af8545ae9e4f72d9",
    "policy cs": "d693de46771faec09ab01832d9ac2f7cacdfee821f1b00a1c6d4693bac5c5c93",
    "policy fr": "77a6f4541acb9b457b31ac2cfa5a640d2deb8df7d431478ee9d202a2f8ef4a57",
    "policy de": "36d36e6baad8ac6d7e8a4ee457bd313bf11151c6aaf98fdac0d307254acf1c36",
    "part en": "815afbdd2a50bc8beb1ad9bd5abd84120d5a89c5add1d95fc6bbdac418619fff",
    "part nl": "702b5107d30a497f2584b32bd550518844ca9a2bcc5b87e7e9f3e4df4b5d1463",
    "part cs": "a189291c85b60f234a52fb6478ecd4e8586b0b22dd3981d9327ecd9afc543d7a",
    "part fr": "50a2f7e4006183bb7fd2a822144f000dd47f862625d596c5bf305081a2136b62",
    "part de": "c015c8c113874e00132a587d2660e07cde47e81e7e2e993fb38ebdf534eea006",
    "forms en": "761273bfe802494575d0ec3cccfefedc3f3b18221444fcb974b245190c3f785d",
    "forms nl": "24e5a29785599bb3a9ffd1b1c41c9a973ac5c10dd964725810e4c14658fcbc94",
    "forms cs": "e2214198eb7a4d63f8a694a18f2761c7fd072106cfac8851719258b8000b1975",
    "forms fr": "4bc7229eb27b0200ecb36590fdc952f3b249f2dff0a2190016ff081a7140534f",
    "forms de": "ac693fe2aeb406af3283579c5a2ce9cc69ce4fee9d0b83141a8060f06201f851",
    "document en": "f8c976d8145141ea2bcde5be37e50cb7d2d6c6c0f414db2e1cea9771f2d8ab5a",
    "document nl": "41207b14e637a69761c958b04e7f7509576ff3303833db95d3a2fca75f3ecc3f",
    "document cs": "3d90bede7d36af2db82ab8c8a9ef309965a9129b06dacb3521a32f8ea671b604",
    "document fr": "efbd5646a3c805f1ad0efe3c2fe31332db59be85c63449a921796a035dad0ed7",
    "document de": "78b42e1a72cb0f503abe5f40b941f4e1ad46ace5295e9e430d5a463e7513fec5",
}
"""Domain and language → hash of the catalogue."""

LATER = {
    "part": ("clauses.part_columns", "clauses.part_rows", "clauses.part_box"),
    "forms": ("clauses.part_concealed", "clauses.part_group", "concealed."),
}
"""Texts that came after the first edition, by edition: each has a hash of its own."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", BODIES)
def test_documents_keep_their_bytes(name: str, language: str) -> None:
    assert text_sha256(BODIES[name], language) == SIGNED[f"{name} {language}"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("domain", ["policy", "document"])
def test_texts_that_are_signed_keep_their_words(domain: str, language: str) -> None:
    # Remedies and one-line summaries stand on pages only.
    signed = {
        key: text
        for key, text in Catalogue(domain).texts(language).items()
        if not key.startswith(("remedies.", "brief.", *chain.from_iterable(LATER.values())))
    }
    for edition, keys in LATER.items() if domain == "policy" else ():
        later = {key: text for key, text in Catalogue(domain).texts(language).items() if key.startswith(keys)}
        words = json.dumps(later, sort_keys=True, ensure_ascii=False)
        assert hashlib.sha256(words.encode()).hexdigest() == FROZEN[f"{edition} {language}"]
    texts = json.dumps(signed, sort_keys=True, ensure_ascii=False)
    assert hashlib.sha256(texts.encode()).hexdigest() == FROZEN[f"{domain} {language}"], (
        "agreements that were signed with these words could no longer be checked"
    )
