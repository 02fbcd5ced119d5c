"""The EU data themes (authority table ``data-theme``): thirteen subjects under which portals file datasets."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList

_SCHEME = f"{EU}data-theme"

# code, labels (en, nl, cs, fr, de), words that suggest it
_ROWS: tuple[tuple[str, tuple[str, str, str, str, str], str], ...] = (
    (
        "AGRI",
        (
            "Agriculture, fisheries, forestry and food",
            "Landbouw, visserij, bosbouw en voeding",
            "Zemědělství, rybolov, lesnictví a výživa",
            "Agriculture, pêche, sylviculture et alimentation",
            "Landwirtschaft, Fischerei, Forstwirtschaft und Nahrungsmittel",
        ),
        "farming;farms;forest;fish;landbouwgrond;zemedelstvi;les",
    ),
    (
        "ECON",
        (
            "Economy and finance",
            "Economie en financiën",
            "Hospodářství a finance",
            "Économie et finances",
            "Wirtschaft und Finanzen",
        ),
        "business;companies;budget;tax;trade;shops;bedrijven;begroting;handel;rozpocet;firmy",
    ),
    (
        "EDUC",
        (
            "Education, culture and sport",
            "Onderwijs, cultuur en sport",
            "Vzdělávání, kultura a sport",
            "Éducation, culture et sport",
            "Bildung, Kultur und Sport",
        ),
        "school;schools;museum;library;heritage;tourism;scholen;bibliotheek;toerisme;skoly;muzeum",
    ),
    (
        "ENER",
        ("Energy", "Energie", "Energie", "Énergie", "Energie"),
        "electricity;gas;solar;heating;stroom;elektriciteit;zonnepanelen;elektrina;teplo",
    ),
    (
        "ENVI",
        ("Environment", "Milieu", "Životní prostředí", "Environnement", "Umwelt"),
        "noise;air;air quality;water;waste;climate;trees;weather;geluid;lucht;afval;bomen;hluk;ovzdusi;odpad",
    ),
    (
        "GOVE",
        (
            "Government and public sector",
            "Overheid en publieke sector",
            "Vláda a veřejný sektor",
            "Gouvernement et secteur public",
            "Regierung und öffentlicher Sektor",
        ),
        "administration;elections;procurement;council;bestuur;verkiezingen;gemeenteraad;volby;urad",
    ),
    (
        "HEAL",
        ("Health", "Gezondheid", "Zdraví", "Santé", "Gesundheit"),
        "hospital;care;doctors;ziekenhuis;zorg;nemocnice;lekari",
    ),
    (
        "INTR",
        (
            "International issues",
            "Internationale vraagstukken",
            "Mezinárodní otázky",
            "Questions internationales",
            "Internationale Themen",
        ),
        "international;foreign;development aid;buitenland;zahranici",
    ),
    (
        "JUST",
        (
            "Justice, legal system and public safety",
            "Justitie, rechtsstelsel en openbare veiligheid",
            "Spravedlnost, právní systém a veřejná bezpečnost",
            "Justice, système juridique et sécurité publique",
            "Justiz, Rechtssystem und öffentliche Sicherheit",
        ),
        "police;crime;safety;fire brigade;law;politie;veiligheid;brandweer;policie;bezpecnost",
    ),
    (
        "REGI",
        ("Regions and cities", "Regio's en steden", "Regiony a města", "Régions et villes", "Regionen und Städte"),
        "city;addresses;buildings;planning;cadastre;stad;gebouwen;adressen;mesto;budovy;uzemni plan",
    ),
    (
        "SOCI",
        (
            "Population and society",
            "Bevolking en samenleving",
            "Populace a společnost",
            "Population et société",
            "Bevölkerung und Gesellschaft",
        ),
        "residents;inhabitants;demography;housing;migration;inwoners;wonen;obyvatele;bydleni",
    ),
    (
        "TECH",
        (
            "Science and technology",
            "Wetenschap en technologie",
            "Věda a technika",
            "Science et technologie",
            "Wissenschaft und Technologie",
        ),
        "research;innovation;telecom;internet;onderzoek;vyzkum",
    ),
    (
        "TRAN",
        ("Transport", "Vervoer", "Doprava", "Transports", "Verkehr"),
        "traffic;mobility;roads;road;bicycle;bike;cycling;parking;cars;bus;tram;train;bridge;verkeer;mobiliteit;"
        "wegen;fiets;parkeren;brug;mobilita;silnice;kolo;parkovani;most;mobilite;velo;fahrrad",
    ),
)

THEMES: Final = CodeList(
    "theme",
    _SCHEME,
    tuple(
        Code(
            code=code,
            iri=f"{_SCHEME}/{code}",
            labels=dict(zip(("en", "nl", "cs", "fr", "de"), labels, strict=True)),
            hints=tuple(hints.split(";")),
            # The Belgian federal list mirrors the EU one, and DCAT-AP-VL points at it.
            same=(f"http://vocab.belgif.be/auth/datatheme/{code}",),
        )
        for code, labels, hints in _ROWS
    ),
)
