"""The EU data themes (authority table ``data-theme``): thirteen subjects under which portals file datasets."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList, labels_of

_SCHEME = f"{EU}data-theme"

# code, words that suggest it
_ROWS: tuple[tuple[str, str], ...] = (
    ("AGRI", "farming;farms;forest;fish;landbouwgrond;zemedelstvi;les"),
    ("ECON", "business;companies;budget;tax;trade;shops;bedrijven;begroting;handel;rozpocet;firmy"),
    ("EDUC", "school;schools;museum;library;heritage;tourism;scholen;bibliotheek;toerisme;skoly;muzeum"),
    ("ENER", "electricity;gas;solar;heating;stroom;elektriciteit;zonnepanelen;elektrina;teplo"),
    ("ENVI", "noise;air;air quality;water;waste;climate;trees;weather;geluid;lucht;afval;bomen;hluk;ovzdusi;odpad"),
    ("GOVE", "administration;elections;procurement;council;bestuur;verkiezingen;gemeenteraad;volby;urad"),
    ("HEAL", "hospital;care;doctors;ziekenhuis;zorg;nemocnice;lekari"),
    ("INTR", "international;foreign;development aid;buitenland;zahranici"),
    ("JUST", "police;crime;safety;fire brigade;law;politie;veiligheid;brandweer;policie;bezpecnost"),
    ("REGI", "city;addresses;buildings;planning;cadastre;stad;gebouwen;adressen;mesto;budovy;uzemni plan"),
    ("SOCI", "residents;inhabitants;demography;housing;migration;inwoners;wonen;obyvatele;bydleni"),
    ("TECH", "research;innovation;telecom;internet;onderzoek;vyzkum"),
    (
        "TRAN",
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
            labels=labels_of(f"theme.{code}", code),
            hints=tuple(hints.split(";")),
            # The Belgian federal list mirrors the EU one, and DCAT-AP-VL points at it.
            same=(f"http://vocab.belgif.be/auth/datatheme/{code}",),
        )
        for code, hints in _ROWS
    ),
)
