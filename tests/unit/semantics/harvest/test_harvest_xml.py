"""Catalogues in XML (CSW, ISO 19139, OAI-PMH) as statements of DCAT."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from pyoxigraph import Dataset, Literal, NamedNode, RdfFormat
from pyoxigraph import parse as read_quads

from node.base.errors import InvalidInput
from node.semantics.description.summary import bbox
from node.semantics.harvest.partition import Catalogue, cut, title
from node.semantics.harvest.readers import read
from node.semantics.harvest.xml.requests import entrance
from node.semantics.triples import TYPE, objects
from node.vocab.namespaces import DCAT, DCT, FOAF, GEODCAT, RDFS, SKOS, VCARD

GMD = "http://www.isotc211.org/2005/gmd"
SERVER = "https://geo.city.example/csw"
PAGE = f"{SERVER}?service=CSW&version=2.0.2&request=GetRecords&outputSchema=x&maxRecords=100&startPosition=1"
CSW = (
    'xmlns:csw="http://www.opengis.net/cat/csw/2.0.2" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:dct="http://purl.org/dc/terms/" xmlns:ows="http://www.opengis.net/ows" '
    'xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:gco="http://www.isotc211.org/2005/gco" '
    'xmlns:gmx="http://www.isotc211.org/2005/gmx" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dcat="http://www.w3.org/ns/dcat#"'
)
BERTHS = """<csw:Record>
  <dc:identifier>berths</dc:identifier><dc:title xml:lang="nl">Ligplaatsen</dc:title>
  <dct:abstract>Where ships lie.</dct:abstract><dc:subject>harbour</dc:subject><dc:subject>ships</dc:subject>
  <dc:format>application/geo+json</dc:format><dct:modified>2026-05-17</dct:modified><dc:publisher>Port</dc:publisher>
  <dct:references scheme="WWW:DOWNLOAD-1.0-http--download">https://city.example/berths.geojson</dct:references>
  <dc:rights>https://creativecommons.org/licenses/by/4.0/</dc:rights><dc:rights>Name the port.</dc:rights>
  <ows:BoundingBox crs="urn:x-ogc:def:crs:EPSG:6.11:4326">
    <ows:LowerCorner>53.8 10.6</ows:LowerCorner><ows:UpperCorner>54.0 10.9</ows:UpperCorner></ows:BoundingBox>
</csw:Record>"""


def text(name: str, content: str) -> str:
    return f"<gmd:{name}><gco:CharacterString>{content}</gco:CharacterString></gmd:{name}>"


def party(role: str, name: str, mail: str = "") -> str:
    box = f"<gmd:address><gmd:CI_Address>{text('electronicMailAddress', mail)}</gmd:CI_Address></gmd:address>"
    return (
        f"<gmd:CI_ResponsibleParty>{text('organisationName', name)}<gmd:contactInfo><gmd:CI_Contact>{box}"
        f'</gmd:CI_Contact></gmd:contactInfo><gmd:role><gmd:CI_RoleCode codeListValue="{role}"/></gmd:role>'
        "</gmd:CI_ResponsibleParty>"
    )


def online(address: str, protocol: str, function: str = "") -> str:
    return (
        f"<gmd:onLine><gmd:CI_OnlineResource><gmd:linkage><gmd:URL>{address}</gmd:URL></gmd:linkage>"
        f'{text("protocol", protocol)}<gmd:function><gmd:CI_OnLineFunctionCode codeListValue="{function}"/>'
        "</gmd:function></gmd:CI_OnlineResource></gmd:onLine>"
    )


AIR = f"""<gmd:MD_Metadata {CSW}>
{text("fileIdentifier", "air 1")}
<gmd:language><gmd:LanguageCode codeListValue="ger"/></gmd:language>
<gmd:hierarchyLevel><gmd:MD_ScopeCode codeListValue="dataset"/></gmd:hierarchyLevel>
<gmd:contact>{party("pointOfContact", "Umweltamt", "luft@city.example")}</gmd:contact>
<gmd:dateStamp><gco:Date>2026-04-30</gco:Date></gmd:dateStamp>
<gmd:locale><gmd:PT_Locale id="EN"><gmd:languageCode><gmd:LanguageCode codeListValue="eng"/></gmd:languageCode>
</gmd:PT_Locale></gmd:locale>
<gmd:referenceSystemInfo><gmd:MD_ReferenceSystem><gmd:referenceSystemIdentifier><gmd:RS_Identifier>
{text("code", "EPSG:25832")}</gmd:RS_Identifier></gmd:referenceSystemIdentifier></gmd:MD_ReferenceSystem>
</gmd:referenceSystemInfo>
<gmd:identificationInfo><gmd:MD_DataIdentification><gmd:citation><gmd:CI_Citation>
<gmd:title><gco:CharacterString>Luft</gco:CharacterString><gmd:PT_FreeText><gmd:textGroup>
<gmd:LocalisedCharacterString locale="#EN">Air</gmd:LocalisedCharacterString></gmd:textGroup></gmd:PT_FreeText>
</gmd:title>
<gmd:date><gmd:CI_Date><gmd:date><gco:Date>2020-01-02</gco:Date></gmd:date><gmd:dateType>
<gmd:CI_DateTypeCode codeListValue="publication"/></gmd:dateType></gmd:CI_Date></gmd:date>
</gmd:CI_Citation></gmd:citation>{text("abstract", "NO2 und PM10.")}
<gmd:pointOfContact>{party("owner", "Stadt")}</gmd:pointOfContact>
<gmd:resourceMaintenance><gmd:MD_MaintenanceInformation><gmd:maintenanceAndUpdateFrequency>
<gmd:MD_MaintenanceFrequencyCode codeListValue="asNeeded"/></gmd:maintenanceAndUpdateFrequency>
</gmd:MD_MaintenanceInformation></gmd:resourceMaintenance>
<gmd:descriptiveKeywords><gmd:MD_Keywords>{text("keyword", "Luft")}<gmd:keyword>
<gmx:Anchor xlink:href="http://inspire.ec.europa.eu/theme/ac">Atmosphäre</gmx:Anchor></gmd:keyword></gmd:MD_Keywords>
</gmd:descriptiveKeywords>
<gmd:resourceConstraints><gmd:MD_LegalConstraints><gmd:useConstraints/><gmd:otherConstraints>
<gmx:Anchor xlink:href="https://www.govdata.de/dl-de/by-2-0">DL-DE</gmx:Anchor></gmd:otherConstraints>
</gmd:MD_LegalConstraints></gmd:resourceConstraints>
<gmd:language><gmd:LanguageCode codeListValue="ger"/></gmd:language>
<gmd:topicCategory><gmd:MD_TopicCategoryCode>environment</gmd:MD_TopicCategoryCode></gmd:topicCategory>
<gmd:extent><gmd:EX_Extent><gmd:geographicElement><gmd:EX_GeographicBoundingBox>
<gmd:westBoundLongitude><gco:Decimal>10.6</gco:Decimal></gmd:westBoundLongitude>
<gmd:eastBoundLongitude><gco:Decimal>10.9</gco:Decimal></gmd:eastBoundLongitude>
<gmd:southBoundLatitude><gco:Decimal>53.8</gco:Decimal></gmd:southBoundLatitude>
<gmd:northBoundLatitude><gco:Decimal>54.0</gco:Decimal></gmd:northBoundLatitude>
</gmd:EX_GeographicBoundingBox></gmd:geographicElement><gmd:temporalElement><gmd:EX_TemporalExtent><gmd:extent>
<gml:TimePeriod><gml:beginPosition>2019-01-01</gml:beginPosition><gml:endPosition indeterminatePosition="now"/>
</gml:TimePeriod></gmd:extent></gmd:EX_TemporalExtent></gmd:temporalElement></gmd:EX_Extent></gmd:extent>
</gmd:MD_DataIdentification></gmd:identificationInfo>
<gmd:distributionInfo><gmd:MD_Distribution><gmd:transferOptions><gmd:MD_DigitalTransferOptions>
{online("https://city.example/air.csv", "WWW:DOWNLOAD-1.0-http--download")}
{online("https://city.example/wms?request=GetCapabilities", "OGC:WMS")}
{online("https://city.example/air", "WWW:LINK", "information")}
</gmd:MD_DigitalTransferOptions></gmd:transferOptions></gmd:MD_Distribution></gmd:distributionInfo>
</gmd:MD_Metadata>"""


def page(*records: str, following: object = 0, matches: object = 3) -> bytes:
    return (
        f'<?xml version="1.0"?><csw:GetRecordsResponse {CSW}><csw:SearchStatus timestamp="2026-11-22T06:18:09Z"/>'
        f'<csw:SearchResults numberOfRecordsMatched="{matches}" nextRecord="{following}">{"".join(records)}'
        "</csw:SearchResults></csw:GetRecordsResponse>"
    ).encode()


def catalogue(body: bytes, base: str = PAGE) -> Catalogue:
    return read(body, "application/rdf+xml", base=base)


def dataset(listing: Catalogue) -> Dataset:
    lines = "".join(line for lines in listing.lines.values() for line in lines)
    return Dataset(read_quads(lines, format=RdfFormat.N_TRIPLES))


def values(statements: Dataset, node: Any, property_: str) -> list[str]:
    return sorted(term.value for term in objects(statements, node, property_))


def test_a_record_in_dublin_core_has_its_files_place_and_licence() -> None:
    statements = dataset(catalogue(page(BERTHS)))
    node = NamedNode(f"{SERVER}?service=CSW&version=2.0.2&request=GetRecordById&elementSetName=full&id=berths")
    assert values(statements, node, str(TYPE)[1:-1]) == [f"{DCAT}Dataset"]
    assert objects(statements, node, f"{DCT}title") == [Literal("Ligplaatsen", language="nl")]
    assert values(statements, node, f"{DCAT}keyword") == ["harbour", "ships"]
    assert values(statements, node, f"{DCT}rights") == ["Name the port."]
    assert bbox(statements, node) == (10.6, 53.8, 10.9, 54.0)
    (file,) = objects(statements, node, f"{DCAT}distribution")
    for name in ("accessURL", "downloadURL"):
        assert values(statements, file, f"{DCAT}{name}") == ["https://city.example/berths.geojson"]
    assert values(statements, file, f"{DCT}license") == ["https://creativecommons.org/licenses/by/4.0/"]
    assert values(statements, file, f"{DCT}format") == ["application/geo+json"]
    (agent,) = objects(statements, node, f"{DCT}publisher")
    assert values(statements, agent, f"{FOAF}name") == ["Port"]


def test_a_record_of_iso_19139_has_languages_dates_people_and_links() -> None:
    statements = dataset(catalogue(page(AIR)))
    node = NamedNode(f"{SERVER}?service=CSW&version=2.0.2&request=GetRecordById&elementSetName=full&id=air%201")
    titles = {(term.language, term.value) for term in objects(statements, node, f"{DCT}title")}  # type: ignore[union-attr]
    assert titles == {("de", "Luft"), ("en", "Air")}
    assert values(statements, node, f"{DCT}issued") == ["2020-01-02"]
    assert values(statements, node, f"{DCT}modified") == ["2026-04-30"]
    assert values(statements, node, f"{DCT}conformsTo") == ["http://www.opengis.net/def/crs/EPSG/0/25832"]
    assert values(statements, node, f"{DCT}accrualPeriodicity")[0].endswith("/MaintenanceFrequency/asNeeded")
    assert values(statements, node, f"{GEODCAT}topicCategory")[0].endswith("/TopicCategory/environment")
    assert values(statements, node, f"{DCAT}keyword") == ["Luft"]
    (theme,) = objects(statements, node, f"{DCAT}theme")
    assert values(statements, theme, f"{SKOS}prefLabel") == ["Atmosphäre"]
    (agent,) = objects(statements, node, f"{DCT}publisher")
    assert values(statements, agent, f"{FOAF}name") == ["Stadt"]
    (card,) = objects(statements, node, f"{DCAT}contactPoint")
    assert values(statements, card, f"{VCARD}hasEmail") == ["mailto:luft@city.example"]
    assert bbox(statements, node) == (10.6, 53.8, 10.9, 54.0)
    (period,) = objects(statements, node, f"{DCT}temporal")
    assert values(statements, period, f"{DCAT}startDate") == ["2019-01-01"]
    assert values(statements, period, f"{DCAT}endDate") == []
    files = objects(statements, node, f"{DCAT}distribution")
    assert sorted(values(statements, file, f"{DCAT}accessURL")[0] for file in files) == [
        "https://city.example/air.csv",
        "https://city.example/wms?request=GetCapabilities",
    ]
    assert {str(values(statements, file, f"{DCT}license")) for file in files} == {
        "['https://www.govdata.de/dl-de/by-2-0']"
    }
    assert values(statements, node, f"{FOAF}page") == ["https://city.example/air"]


def test_records_in_dcat_are_read_one_by_one() -> None:
    def record(name: str, more: str = "") -> str:
        return (
            f'<rdf:RDF><dcat:Dataset rdf:about="https://city.example/{name}"><dct:title>{name}</dct:title>{more}'
            "</dcat:Dataset></rdf:RDF>"
        )

    spoilt = record("b", '<dct:relation rdf:ID="1 2"/>')
    # GeoNetwork writes text beside a link, which spoils the record alone and is mended.
    beside = record("c", '<dct:relation rdf:resource="https://city.example/x">x</dct:relation>')
    pieces = list(cut(catalogue(page(record("a"), spoilt, beside))))
    assert [piece.subject for piece in pieces if not piece.fault] == [
        "<https://city.example/a>",
        "<https://city.example/c>",
    ]
    (refused,) = (piece for piece in pieces if piece.fault)
    assert refused.fault["case"] == "unreadable-record"
    assert str(refused.fault["reason"]).endswith("(record 2 of its page)")


@pytest.mark.parametrize(
    ("following", "matches", "start"),
    [(3, 6, "3"), (0, 2, ""), ("", 6, ""), (1, 6, ""), (9, 6, ""), (10**12, "", ""), (3, "", "3")],
)
def test_the_next_page_begins_after_this_one(following: object, matches: object, start: str) -> None:
    address = catalogue(page(BERTHS, following=following, matches=matches)).next
    assert address.partition("startPosition=")[2] == start
    assert catalogue(page(following=following, matches=matches)).next == ""


@pytest.mark.parametrize(
    ("version", "namespace", "schemas", "chosen"),
    [
        ("2.0.2", "2.0.2", (GMD, "http://www.w3.org/ns/dcat#"), "http://www.w3.org/ns/dcat#"),
        ("2.0.2", "2.0.2", (GMD, "urn:other"), GMD),
        ("2.0.2", "2.0.2", (), "http://www.opengis.net/cat/csw/2.0.2"),
        ("3.0.0", "3.0", ("urn:other",), "http://www.opengis.net/cat/csw/3.0"),
    ],
)  # fmt: skip
def test_capabilities_lead_to_records_in_the_best_schema(
    version: str, namespace: str, schemas: tuple[str, ...], chosen: str
) -> None:
    listed = "".join(f"<ows:Value>{schema}</ows:Value>" for schema in schemas)
    body = (
        f'<c:Capabilities xmlns:c="http://www.opengis.net/cat/csw/{namespace}" xmlns:ows="urn:o" version="{version}">'
        "<ows:ServiceIdentification><ows:Title>City</ows:Title></ows:ServiceIdentification><ows:OperationsMetadata>"
        f'<ows:Operation name="GetRecords"><ows:Parameter name="outputSchema">{listed}</ows:Parameter>'
        "</ows:Operation></ows:OperationsMetadata></c:Capabilities>"
    )
    listing = catalogue(body.encode(), entrance(f"{SERVER}?map=city"))
    assert title(listing) == {"": "City"}
    assert listing.next.startswith(f"{SERVER}?map=city&service=CSW&version={version}&request=GetRecords")
    assert f"&outputSchema={quote(chosen, safe='')}&" in listing.next
    assert listing.next.endswith("&startPosition=1")


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        (SERVER, "service=CSW&request=GetCapabilities&acceptVersions=2.0.2%2C3.0.0"),
        ("https://city.example/?SERVICE=CSW&VERSION=3.0", "service=CSW&request=GetCapabilities&acceptVersions=3.0"),
        ("https://city.example/srv/eng/csw-open", "service=CSW&request=GetCapabilities&acceptVersions=2.0.2%2C3.0.0"),
        ("https://city.example/oai?set=data", "set=data&verb=ListMetadataFormats"),
        ("https://city.example/?mode=oaipmh&verb=Identify", "mode=oaipmh&verb=ListMetadataFormats"),
        ("https://city.example/catalog.ttl", ""),
        ("https://city.example/?service=WFS", ""),
    ],
)  # fmt: skip
def test_addresses_of_servers_are_known(url: str, parameters: str) -> None:
    assert entrance(url).partition("?")[2] == parameters


OAI = "https://city.example/oai"


def oai(records: str, token: str = "") -> bytes:
    resumption = f'<resumptionToken completeListSize="3">{token}</resumptionToken>' if token else ""
    return (
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<responseDate>2026-11-22T06:18:09Z</responseDate><ListRecords>{records}{resumption}</ListRecords></OAI-PMH>"
    ).encode()


def oai_record(name: str, kind: str = "Dataset", status: str = "") -> str:
    metadata = f"<metadata><dc><dc:title>{name}</dc:title><dc:type>{kind}</dc:type></dc></metadata>"
    return f'<record><header status="{status}"><identifier>oai:{name}</identifier></header>{metadata}</record>'


def test_records_of_oai_are_those_about_data_that_are_not_deleted() -> None:
    records = oai_record("a") + oai_record("b", status="deleted") + oai_record("thesis", "Text") + oai_record("c", "")
    listing = catalogue(oai(records, "t 1"), f"{OAI}?set=x&verb=ListRecords&metadataPrefix=oai_dc")
    assert listing.notes == ["read it as records of OAI-PMH, without 1 that are not about data"]
    assert listing.next == f"{OAI}?verb=ListRecords&resumptionToken=t%201"
    assert listing.expected == 3
    subjects = [piece.subject for piece in cut(listing)]
    assert subjects == [
        f"<{OAI}?set=x&verb=GetRecord&metadataPrefix=oai_dc&identifier=oai%3A{name}>" for name in ("a", "c")
    ]
    assert catalogue(oai(oai_record("a"), "0"), f"{OAI}?verb=ListRecords").next == ""


def test_formats_of_oai_lead_to_records_in_the_best_one() -> None:
    prefixes = "".join(
        f"<metadataFormat><metadataPrefix>{name}</metadataPrefix></metadataFormat>" for name in ("oai_dc", "iso19139")
    )
    body = oai("").replace(b"ListRecords", b"ListMetadataFormats").replace(
        b"<ListMetadataFormats>", f"<ListMetadataFormats>{prefixes}".encode()
    )  # fmt: skip
    listing = catalogue(body, entrance(f"{OAI}?set=x"))
    assert listing.next == f"{OAI}?set=x&verb=ListRecords&metadataPrefix=iso19139"


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BOMB + page(BERTHS)[21:], "document type declaration"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + page(BERTHS)[21:], "document type declaration"),
        (page(BERTHS)[:-9], "not well-formed at line"),
        (page("<x>" * 300 + "</x>" * 300), "inside each other"),
        (
            b'<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows"><ows:Exception>'
            b"<ows:ExceptionText>no   such\nmap</ows:ExceptionText></ows:Exception></ows:ExceptionReport>",
            "the server reports: no such map",
        ),
        (page(BERTHS).replace(b"SearchResults", b"Nothing"), "has no results"),
        (
            b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="badResumptionToken">old</error>'
            b"</OAI-PMH>",
            "the repository reports: badResumptionToken old",
        ),
        (page().replace(b'encoding="UTF-8"', b"").replace(b'"1.0"', b'"1.0" encoding="latin1"'), "not UTF-8"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        catalogue(body)
    assert reason in refusal.value.detail


def test_huge_values_and_bad_addresses_spoil_their_record_alone() -> None:
    huge = BERTHS.replace("berths<", f"{'x' * 3000}<").replace("Where ships lie.", "y" * (2 << 20))
    bad = BERTHS.replace("<dc:identifier>", "<dc:identifier>other-").replace(
        "https://city.example/berths.geojson", "https://city.example/my berths {1}"
    )
    pieces = list(cut(catalogue(page(huge, AIR, bad))))
    assert [bool(piece.fault) for piece in pieces] == [True, False, False]
    assert not any("my berths" in line for line in pieces[2].lines)
    assert f"{RDFS}label" not in "".join(pieces[1].lines)
