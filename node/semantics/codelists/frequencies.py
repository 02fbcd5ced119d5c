"""How often data are updated: the EU authority table ``frequency``, by the words that people use for it."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList

_SCHEME = f"{EU}frequency"

# code, labels (en, nl, fr, de, cs), other spellings
_ROWS: tuple[tuple[str, tuple[str, str, str, str, str], str], ...] = (
    ("CONT", ("continuous", "continu", "en continu", "fortlaufend", "průběžně"), "live;real time;realtime"),
    (
        "UPDATE_CONT",
        (
            "continuously updated",
            "continu bijgewerkt",
            "mis à jour en continu",
            "fortlaufend aktualisiert",
            "průběžně aktualizováno",
        ),
        "",
    ),
    (
        "1MIN",
        ("every minute", "elke minuut", "toutes les minutes", "jede Minute", "každou minutu"),
        "1 min;PT1M;minutely",
    ),
    (
        "5MIN",
        (
            "every five minutes",
            "om de vijf minuten",
            "toutes les cinq minutes",
            "alle fünf Minuten",
            "každých pět minut",
        ),
        "5 min;5 minutes;PT5M",
    ),
    (
        "10MIN",
        (
            "every ten minutes",
            "om de tien minuten",
            "toutes les dix minutes",
            "alle zehn Minuten",
            "každých deset minut",
        ),
        "10 min;10 minutes;PT10M",
    ),
    (
        "15MIN",
        (
            "every fifteen minutes",
            "om de vijftien minuten",
            "toutes les quinze minutes",
            "alle fünfzehn Minuten",
            "každých patnáct minut",
        ),
        "15 min;15 minutes;every 15 minutes;PT15M;quarter hourly;quarter-hourly;elk kwartier;kwartier;"
        "každou čtvrthodinu",
    ),
    (
        "30MIN",
        (
            "every thirty minutes",
            "om de dertig minuten",
            "toutes les trente minutes",
            "alle dreißig Minuten",
            "každých třicet minut",
        ),
        "30 min;30 minutes;PT30M;half hourly",
    ),
    (
        "HOURLY",
        ("hourly", "ieder uur", "toutes les heures", "stündlich", "každou hodinu"),
        "every hour;PT1H;PT60M;elk uur;per uur;hodinově",
    ),
    (
        "BIHOURLY",
        ("every two hours", "om de twee uur", "toutes les deux heures", "alle zwei Stunden", "každé dvě hodiny"),
        "2 hours;PT2H",
    ),
    (
        "TRIHOURLY",
        ("every three hours", "om de drie uur", "toutes les trois heures", "alle drei Stunden", "každé tři hodiny"),
        "3 hours;PT3H",
    ),
    (
        "12HRS",
        (
            "every twelve hours",
            "om de twaalf uur",
            "toutes les douze heures",
            "alle zwölf Stunden",
            "každých dvanáct hodin",
        ),
        "12 hours;PT12H",
    ),
    ("DAILY", ("daily", "dagelijks", "quotidien", "täglich", "denně"), "every day;P1D;elke dag;každý den"),
    ("DAILY_2", ("twice a day", "twee keer per dag", "deux fois par jour", "zweimal täglich", "dvakrát denně"), ""),
    (
        "WEEKLY",
        ("weekly", "wekelijks", "hebdomadaire", "wöchentlich", "týdně"),
        "every week;P1W;P7D;elke week;každý týden",
    ),
    (
        "WEEKLY_2",
        ("twice a week", "twee keer per week", "deux fois par semaine", "zweimal pro Woche", "dvakrát týdně"),
        "",
    ),
    (
        "WEEKLY_3",
        ("three times a week", "drie keer per week", "trois fois par semaine", "dreimal pro Woche", "třikrát týdně"),
        "",
    ),
    (
        "BIWEEKLY",
        ("every two weeks", "tweewekelijks", "toutes les deux semaines", "alle zwei Wochen", "každé dva týdny"),
        "fortnightly;P2W;P14D",
    ),
    (
        "MONTHLY",
        ("monthly", "maandelijks", "mensuel", "monatlich", "měsíčně"),
        "every month;P1M;elke maand;každý měsíc",
    ),
    (
        "MONTHLY_2",
        ("twice a month", "twee keer per maand", "deux fois par mois", "zweimal pro Monat", "dvakrát měsíčně"),
        "",
    ),
    (
        "MONTHLY_3",
        ("three times a month", "drie keer per maand", "trois fois par mois", "dreimal pro Monat", "třikrát měsíčně"),
        "",
    ),
    (
        "BIMONTHLY",
        ("every two months", "tweemaandelijks", "tous les deux mois", "alle zwei Monate", "každé dva měsíce"),
        "P2M",
    ),
    (
        "QUARTERLY",
        ("quarterly", "driemaandelijks", "trimestriel", "vierteljährlich", "čtvrtletně"),
        "every quarter;P3M;elk kwartaal;per kwartaal",
    ),
    (
        "ANNUAL",
        ("yearly", "jaarlijks", "annuel", "jährlich", "ročně"),
        "annual;annually;every year;P1Y;elk jaar;každý rok",
    ),
    (
        "ANNUAL_2",
        ("twice a year", "twee keer per jaar", "deux fois par an", "zweimal jährlich", "dvakrát ročně"),
        "half yearly;P6M;halfjaarlijks",
    ),
    (
        "ANNUAL_3",
        ("three times a year", "drie keer per jaar", "trois fois par an", "dreimal jährlich", "třikrát ročně"),
        "",
    ),
    (
        "BIENNIAL",
        ("every two years", "tweejaarlijks", "tous les deux ans", "alle zwei Jahre", "každé dva roky"),
        "P2Y",
    ),
    (
        "TRIENNIAL",
        ("every three years", "driejaarlijks", "tous les trois ans", "alle drei Jahre", "každé tři roky"),
        "P3Y",
    ),
    (
        "QUADRENNIAL",
        ("every four years", "vierjaarlijks", "tous les quatre ans", "alle vier Jahre", "každé čtyři roky"),
        "P4Y",
    ),
    (
        "QUINQUENNIAL",
        ("every five years", "vijfjaarlijks", "tous les cinq ans", "alle fünf Jahre", "každých pět let"),
        "P5Y",
    ),
    (
        "DECENNIAL",
        ("every ten years", "tienjaarlijks", "tous les dix ans", "alle zehn Jahre", "každých deset let"),
        "P10Y",
    ),
    (
        "BIDECENNIAL",
        ("every twenty years", "twintigjaarlijks", "tous les vingt ans", "alle zwanzig Jahre", "každých dvacet let"),
        "P20Y",
    ),
    (
        "TRIDECENNIAL",
        ("every thirty years", "dertigjaarlijks", "tous les trente ans", "alle dreißig Jahre", "každých třicet let"),
        "P30Y",
    ),
    ("IRREG", ("irregular", "onregelmatig", "irrégulier", "unregelmäßig", "nepravidelně"), "irregularly"),
    (
        "AS_NEEDED",
        ("as needed", "wanneer nodig", "selon les besoins", "nach Bedarf", "podle potřeby"),
        "when needed;on demand",
    ),
    ("NOT_PLANNED", ("not planned", "niet gepland", "non prévu", "nicht geplant", "neplánuje se"), ""),
    ("NEVER", ("never", "nooit", "jamais", "nie", "nikdy"), "once;static"),
    ("UNKNOWN", ("unknown", "onbekend", "inconnu", "unbekannt", "neznámá"), ""),
    ("OTHER", ("other", "anders", "autre", "andere", "jiná"), ""),
)

FREQUENCIES: Final = CodeList(
    "frequency",
    _SCHEME,
    tuple(
        Code(
            code=code,
            iri=f"{_SCHEME}/{code}",
            labels=dict(zip(("en", "nl", "fr", "de", "cs"), labels, strict=True)),
            also=tuple(also.split(";")) if also else (),
        )
        for code, labels, also in _ROWS
    ),
)
