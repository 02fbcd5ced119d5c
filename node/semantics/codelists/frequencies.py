"""Frequencies of updates: the EU authority table ``frequency``, by the words that people use for it."""

from __future__ import annotations

from typing import Final

from node.semantics.codelists.lookup import EU, Code, CodeList, labels_of

_SCHEME = f"{EU}frequency"

# code, other spellings
_ROWS: tuple[tuple[str, str], ...] = (
    ("CONT", "live;real time;realtime"),
    ("UPDATE_CONT", ""),
    ("1MIN", "1 min;PT1M;minutely"),
    ("5MIN", "5 min;5 minutes;PT5M"),
    ("10MIN", "10 min;10 minutes;PT10M"),
    (
        "15MIN",
        "15 min;15 minutes;every 15 minutes;PT15M;quarter hourly;quarter-hourly;elk kwartier;kwartier;"
        "každou čtvrthodinu",
    ),
    ("30MIN", "30 min;30 minutes;PT30M;half hourly"),
    ("HOURLY", "every hour;PT1H;PT60M;elk uur;per uur;hodinově"),
    ("BIHOURLY", "2 hours;PT2H"),
    ("TRIHOURLY", "3 hours;PT3H"),
    ("12HRS", "12 hours;PT12H"),
    ("DAILY", "every day;P1D;elke dag;každý den"),
    ("DAILY_2", ""),
    ("WEEKLY", "every week;P1W;P7D;elke week;každý týden"),
    ("WEEKLY_2", ""),
    ("WEEKLY_3", ""),
    ("BIWEEKLY", "fortnightly;P2W;P14D"),
    ("MONTHLY", "every month;P1M;elke maand;každý měsíc"),
    ("MONTHLY_2", ""),
    ("MONTHLY_3", ""),
    ("BIMONTHLY", "P2M"),
    ("QUARTERLY", "every quarter;P3M;elk kwartaal;per kwartaal"),
    ("ANNUAL", "annual;annually;every year;P1Y;elk jaar;každý rok"),
    ("ANNUAL_2", "half yearly;P6M;halfjaarlijks"),
    ("ANNUAL_3", ""),
    ("BIENNIAL", "P2Y"),
    ("TRIENNIAL", "P3Y"),
    ("QUADRENNIAL", "P4Y"),
    ("QUINQUENNIAL", "P5Y"),
    ("DECENNIAL", "P10Y"),
    ("BIDECENNIAL", "P20Y"),
    ("TRIDECENNIAL", "P30Y"),
    ("IRREG", "irregularly"),
    ("AS_NEEDED", "when needed;on demand"),
    ("NOT_PLANNED", ""),
    ("NEVER", "once;static"),
    ("UNKNOWN", ""),
    ("OTHER", ""),
)

FREQUENCIES: Final = CodeList(
    "frequency",
    _SCHEME,
    tuple(
        Code(
            code=code,
            iri=f"{_SCHEME}/{code}",
            labels=labels_of(f"frequency.{code}", code),
            also=tuple(also.split(";")) if also else (),
        )
        for code, also in _ROWS
    ),
)
