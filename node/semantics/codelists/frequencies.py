"""How often data are updated: the EU authority table ``frequency``, by the words that people use for it."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList

_SCHEME = f"{EU}frequency"

# code, labels (en, nl, cs), other spellings
_ROWS: tuple[tuple[str, tuple[str, str, str], str], ...] = (
    ("CONT", ("continuous", "continu", "průběžně"), "live;real time;realtime"),
    ("UPDATE_CONT", ("continuously updated", "continu bijgewerkt", "průběžně aktualizováno"), ""),
    ("1MIN", ("every minute", "elke minuut", "každou minutu"), "1 min;PT1M;minutely"),
    ("5MIN", ("every five minutes", "om de vijf minuten", "každých pět minut"), "5 min;5 minutes;PT5M"),
    ("10MIN", ("every ten minutes", "om de tien minuten", "každých deset minut"), "10 min;10 minutes;PT10M"),
    (
        "15MIN",
        ("every fifteen minutes", "om de vijftien minuten", "každých patnáct minut"),
        "15 min;15 minutes;every 15 minutes;PT15M;quarter hourly;quarter-hourly;elk kwartier;kwartier;"
        "každou čtvrthodinu",
    ),
    (
        "30MIN",
        ("every thirty minutes", "om de dertig minuten", "každých třicet minut"),
        "30 min;30 minutes;PT30M;half hourly",
    ),
    ("HOURLY", ("hourly", "ieder uur", "každou hodinu"), "every hour;PT1H;PT60M;elk uur;per uur;hodinově"),
    ("BIHOURLY", ("every two hours", "om de twee uur", "každé dvě hodiny"), "2 hours;PT2H"),
    ("TRIHOURLY", ("every three hours", "om de drie uur", "každé tři hodiny"), "3 hours;PT3H"),
    ("12HRS", ("every twelve hours", "om de twaalf uur", "každých dvanáct hodin"), "12 hours;PT12H"),
    ("DAILY", ("daily", "dagelijks", "denně"), "every day;P1D;elke dag;každý den"),
    ("DAILY_2", ("twice a day", "twee keer per dag", "dvakrát denně"), ""),
    ("WEEKLY", ("weekly", "wekelijks", "týdně"), "every week;P1W;P7D;elke week;každý týden"),
    ("WEEKLY_2", ("twice a week", "twee keer per week", "dvakrát týdně"), ""),
    ("WEEKLY_3", ("three times a week", "drie keer per week", "třikrát týdně"), ""),
    ("BIWEEKLY", ("every two weeks", "tweewekelijks", "každé dva týdny"), "fortnightly;P2W;P14D"),
    ("MONTHLY", ("monthly", "maandelijks", "měsíčně"), "every month;P1M;elke maand;každý měsíc"),
    ("MONTHLY_2", ("twice a month", "twee keer per maand", "dvakrát měsíčně"), ""),
    ("MONTHLY_3", ("three times a month", "drie keer per maand", "třikrát měsíčně"), ""),
    ("BIMONTHLY", ("every two months", "tweemaandelijks", "každé dva měsíce"), "P2M"),
    ("QUARTERLY", ("quarterly", "driemaandelijks", "čtvrtletně"), "every quarter;P3M;elk kwartaal;per kwartaal"),
    ("ANNUAL", ("yearly", "jaarlijks", "ročně"), "annual;annually;every year;P1Y;elk jaar;každý rok"),
    ("ANNUAL_2", ("twice a year", "twee keer per jaar", "dvakrát ročně"), "half yearly;P6M;halfjaarlijks"),
    ("ANNUAL_3", ("three times a year", "drie keer per jaar", "třikrát ročně"), ""),
    ("BIENNIAL", ("every two years", "tweejaarlijks", "každé dva roky"), "P2Y"),
    ("TRIENNIAL", ("every three years", "driejaarlijks", "každé tři roky"), "P3Y"),
    ("QUADRENNIAL", ("every four years", "vierjaarlijks", "každé čtyři roky"), "P4Y"),
    ("QUINQUENNIAL", ("every five years", "vijfjaarlijks", "každých pět let"), "P5Y"),
    ("DECENNIAL", ("every ten years", "tienjaarlijks", "každých deset let"), "P10Y"),
    ("BIDECENNIAL", ("every twenty years", "twintigjaarlijks", "každých dvacet let"), "P20Y"),
    ("TRIDECENNIAL", ("every thirty years", "dertigjaarlijks", "každých třicet let"), "P30Y"),
    ("IRREG", ("irregular", "onregelmatig", "nepravidelně"), "irregularly"),
    ("AS_NEEDED", ("as needed", "wanneer nodig", "podle potřeby"), "when needed;on demand"),
    ("NOT_PLANNED", ("not planned", "niet gepland", "neplánuje se"), ""),
    ("NEVER", ("never", "nooit", "nikdy"), "once;static"),
    ("UNKNOWN", ("unknown", "onbekend", "neznámá"), ""),
    ("OTHER", ("other", "anders", "jiná"), ""),
)

FREQUENCIES: Final = CodeList(
    "frequency",
    _SCHEME,
    tuple(
        Code(
            code=code,
            iri=f"{_SCHEME}/{code}",
            labels=dict(zip(("en", "nl", "cs"), labels, strict=True)),
            also=tuple(also.split(";")) if also else (),
        )
        for code, labels, also in _ROWS
    ),
)
