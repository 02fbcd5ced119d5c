"""The sentences of findings, in English, Dutch and Czech. A table: the words are put together in ``words``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Said = tuple[str, str, str]
"""Message, why, remedy."""

# name → language → (message, why, remedy). Values come in by {name}.
FIELD: Final[Mapping[str, Mapping[str, Said]]] = MappingProxyType(
    {
        "unknown-field": {
            "en": ('the field "{field}" is not known for a {kind}', "It would be lost.", "{guess}"),
            "nl": ('het veld "{field}" bestaat niet voor een {kind}', "Het zou verloren gaan.", "{guess}"),
            "cs": ('pole "{field}" tu není známo ({kind})', "Údaj by se ztratil.", "{guess}"),
        },
        "wrong-type": {
            "en": ('"{field}" must be {expected}', "", "write it as {expected}"),
            "nl": ('"{field}" moet {expected} zijn', "", "schrijf het als {expected}"),
            "cs": ('"{field}": očekává se {expected}', "", "napište to jako {expected}"),
        },
        "code-differs": {
            "en": (
                "{field}: the card says {said}, the code says {meant}",
                "Others would feed the model, or read its answers, by the wrong one.",
                "correct the one or the other",
            ),
            "nl": (
                "{field}: de kaart zegt {said}, de code zegt {meant}",
                "Anderen zouden het model voeden, of zijn antwoorden lezen, volgens het verkeerde.",
                "verbeter het ene of het andere",
            ),
            "cs": (
                "{field}: karta říká {said}, kód říká {meant}",
                "Ostatní by model plnili nebo jeho odpovědi četli podle toho nesprávného.",
                "opravte jedno nebo druhé",
            ),
        },
        "code-lacks": {
            "en": ("{field} is on the card, and not in the code", "It would be promised in vain.", "{guess}"),
            "nl": ("{field} staat op de kaart en niet in de code", "Het zou tevergeefs beloofd zijn.", "{guess}"),
            "cs": ("{field}: na kartě je, v kódu není", "Bylo by to slíbeno marně.", "{guess}"),
        },
        "code-unfit": {
            "en": ("the code cannot be the model: {why}", "", "{mend}"),
            "nl": ("de code kan het model niet zijn: {why}", "", "{mend}"),
            "cs": ("kód nemůže být modelem: {why}", "", "{mend}"),
        },
        "not-a-code": {
            "en": ('{field} "{value}" is not {list}', "{why}", "{guess}"),
            "nl": ('{field} "{value}" is geen {list}', "{why}", "{guess}"),
            "cs": ('{field} "{value}" není {list}', "{why}", "{guess}"),
        },
        "unlisted-code": {
            "en": (
                '{field} "{value}" is not in the list that is known here',
                "Others may not recognise it.",
                "{guess}",
            ),
            "nl": (
                '{field} "{value}" staat niet in de lijst die hier bekend is',
                "Anderen herkennen het misschien niet.",
                "{guess}",
            ),
            "cs": ('{field} "{value}" není ve zdejším seznamu', "Ostatní je možná nepoznají.", "{guess}"),
        },
        "unknown-place": {
            "en": (
                'the place "{value}" is not known here',
                "Without a rectangle it cannot be found on a map.",
                "{guess}",
            ),
            "nl": (
                'de plaats "{value}" is hier niet bekend',
                "Zonder rechthoek is ze op geen kaart te vinden.",
                "{guess}",
            ),
            "cs": ('místo "{value}" tu není známo', "Bez obdélníku je nelze najít na mapě.", "{guess}"),
        },
        "bad-rectangle": {
            "en": (
                '"{field}" is not a rectangle on the earth: {value}',
                "The order is west, south, east, north, in degrees.",
                "write: spatial: [3.58, 50.97, 3.86, 51.19]",
            ),
            "nl": (
                '"{field}" is geen rechthoek op aarde: {value}',
                "De volgorde is west, zuid, oost, noord, in graden.",
                "schrijf: spatial: [3.58, 50.97, 3.86, 51.19]",
            ),
            "cs": (
                '"{field}" není obdélník na Zemi: {value}',
                "Pořadí je západ, jih, východ, sever, ve stupních.",
                "napište: spatial: [3.58, 50.97, 3.86, 51.19]",
            ),
        },
        "backwards": {
            "en": ('"{field}" ends before it begins: {value}', "", "swap from and to"),
            "nl": ('"{field}" eindigt voor het begint: {value}', "", "wissel from en to om"),
            "cs": ('"{field}" končí dříve, než začíná: {value}', "", "prohoďte from a to"),
        },
        "missing-file": {
            "en": (
                'the file "{value}" was not handed in',
                "It is described, but there are no bytes for it.",
                "put it beside the description, or give access_url if it lies elsewhere",
            ),
            "nl": (
                'het bestand "{value}" is niet meegegeven',
                "Het is beschreven, maar er zijn geen bytes voor.",
                "leg het naast de beschrijving, of geef access_url als het elders staat",
            ),
            "cs": (
                'soubor "{value}" nebyl odevzdán',
                "Je popsán, ale chybí jeho obsah.",
                "přiložte jej k popisu, nebo uveďte access_url, leží-li jinde",
            ),
        },
        "unsafe-name": {
            "en": (
                'the file name "{value}" cannot be used',
                "It names a path or holds signs that addresses cannot carry.",
                "rename the file",
            ),
            "nl": (
                'de bestandsnaam "{value}" is niet bruikbaar',
                "Hij noemt een pad of bevat tekens die niet in een adres passen.",
                "hernoem het bestand",
            ),
            "cs": (
                'jméno souboru "{value}" nelze použít',
                "Obsahuje cestu nebo znaky, které do adresy nepatří.",
                "přejmenujte soubor",
            ),
        },
        "twice": {
            "en": ('"{field}" is given twice, as {value}', "It is not clear which one counts.", "keep one"),
            "nl": ('"{field}" staat er twee keer, als {value}', "Onduidelijk is welke telt.", "houd er één over"),
            "cs": ('"{field}" je uvedeno dvakrát, jako {value}', "Není jasné, co platí.", "ponechte jedno"),
        },
        "no-kind": {
            "en": (
                "it does not say what kind of thing it describes",
                "Each kind is checked by rules of its own.",
                "add: kind: dataset ({guess})",
            ),
            "nl": (
                "er staat niet wat voor iets beschreven wordt",
                "Elke soort heeft eigen regels.",
                "voeg toe: kind: dataset ({guess})",
            ),
            "cs": (
                "není řečeno, co se popisuje",
                "Každý druh má vlastní pravidla.",
                "doplňte: kind: dataset ({guess})",
            ),
        },
        "unknown-kind": {
            "en": ('"{value}" is not a kind of asset that is known here', "", "{guess}"),
            "nl": ('"{value}" is geen soort die hier bekend is', "", "{guess}"),
            "cs": ('"{value}" není druh, který je tu znám', "", "{guess}"),
        },
        "no-subject": {
            "en": (
                "nothing in the document is a {kind}",
                "The document is readable, but describes nothing that can be published.",
                "give the main subject the type {value}",
            ),
            "nl": (
                "niets in het document is een {kind}",
                "Het document is leesbaar, maar beschrijft niets dat gepubliceerd kan worden.",
                "geef het hoofdonderwerp het type {value}",
            ),
            "cs": (
                "nic v dokumentu není {kind}",
                "Dokument je čitelný, ale nepopisuje nic, co lze zveřejnit.",
                "dejte hlavnímu předmětu typ {value}",
            ),
        },
        "many-subjects": {
            "en": (
                "the document describes several things: {value}",
                "One record describes one thing.",
                "name one by iri, or hand in one document for each",
            ),
            "nl": (
                "het document beschrijft meerdere dingen: {value}",
                "Een record beschrijft één ding.",
                "noem er één met iri, of geef per ding een document",
            ),
            "cs": (
                "dokument popisuje více věcí: {value}",
                "Jeden záznam popisuje jednu věc.",
                "určete jednu pomocí iri, nebo odevzdejte dokument pro každou",
            ),
        },
        "no-name": {
            "en": (
                "it has neither an id nor a title to make an address from",
                "Every record has a web address of its own.",
                "add: id: bicycle-counters",
            ),
            "nl": (
                "er is geen id of titel om een adres van te maken",
                "Elk record heeft een eigen webadres.",
                "voeg toe: id: fietstellingen",
            ),
            "cs": (
                "chybí id i název, z nichž by vznikla adresa",
                "Každý záznam má vlastní webovou adresu.",
                "doplňte: id: pocty-kol",
            ),
        },
        "wrong-address": {
            "en": (
                "the address {value} is not a place for a {kind} of this node",
                "A node answers only for addresses below its own.",
                "leave iri away, or choose one that begins with {guess}",
            ),
            "nl": (
                "het adres {value} is geen plek voor een {kind} van deze node",
                "Een node staat alleen in voor adressen onder het eigen adres.",
                "laat iri weg, of kies er een die begint met {guess}",
            ),
            "cs": (
                "adresa {value} sem nepatří ({kind})",
                "Uzel odpovídá jen za adresy pod svou vlastní.",
                "vynechte iri, nebo zvolte adresu začínající {guess}",
            ),
        },
        "left-out": {
            "en": (
                "{value} statements about other things are left out",
                "A record speaks for itself; other things have records of their own.",
                "",
            ),
            "nl": (
                "{value} uitspraken over andere dingen zijn weggelaten",
                "Een record spreekt voor zichzelf; andere dingen hebben een eigen record.",
                "",
            ),
            "cs": (
                "vynechaná tvrzení o jiných věcech: {value}",
                "Záznam mluví sám za sebe; jiné věci mají vlastní záznamy.",
                "",
            ),
        },
        "adopted": {
            "en": (
                "it gets the address {value} here",
                "The address in the document is another's; it is kept as identifier.",
                "",
            ),
            "nl": (
                "het krijgt hier het adres {value}",
                "Het adres in het document is van een ander; het blijft als identificatie bewaard.",
                "",
            ),
            "cs": (
                "dostane zde adresu {value}",
                "Adresa v dokumentu patří jinému; zůstává jako identifikátor.",
                "",
            ),
        },
        "policy-not-understood": {
            "en": (
                "the policy in the document is not understood: {value}",
                "Nobody can be held to conditions that are not understood.",
                "state them with conditions: (a template of this node) or as an ODRL offer",
            ),
            "nl": (
                "het beleid in het document is niet begrepen: {value}",
                "Niemand kan gehouden worden aan voorwaarden die niet begrepen zijn.",
                "geef ze met conditions: (een sjabloon van deze node) of als ODRL-aanbod",
            ),
            "cs": (
                "politice v dokumentu nelze rozumět: {value}",
                "Nikoho nelze vázat podmínkami, kterým není rozumět.",
                "uveďte je pomocí conditions: (šablona tohoto uzlu) nebo jako nabídku ODRL",
            ),
        },
    }
)

EXPECTED: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "text": ("text", "tekst", "text"),
        "plain": ("text", "tekst", "text"),
        "words": ("a list of words", "een lijst woorden", "seznam slov"),
        "link": (
            "a web address, or kind/name of an asset of this node",
            "een webadres, of soort/naam van iets op deze node",
            "webová adresa, nebo druh/jméno položky tohoto uzlu",
        ),
        "date": ("a date: 2026-11-20", "een datum: 2026-11-20", "datum: 2026-11-20"),
        "integer": ("a whole number", "een geheel getal", "celé číslo"),
        "number": ("a number", "een getal", "číslo"),
        "boolean": ("true or false", "true of false", "true nebo false"),
        "duration": ("a duration: PT15M", "een duur: PT15M", "trvání: PT15M"),
        "mail": ("an e-mail address", "een e-mailadres", "e-mailová adresa"),
        "phone": ("a telephone number", "een telefoonnummer", "telefonní číslo"),
        "value": ("a number, true, false or text", "een getal, true, false of tekst", "číslo, true, false nebo text"),
        "text or link": ("text or a web address", "tekst of een webadres", "text nebo webová adresa"),
        "statement": ("text or a web address", "tekst of een webadres", "text nebo webová adresa"),
        "source": (
            "the text of a program, or an object",
            "de tekst van een programma, of een object",
            "text programu nebo objekt",
        ),
        "code": ("a value from the list", "een waarde uit de lijst", "hodnota ze seznamu"),
        "crs": (
            "a coordinate system: EPSG:31370",
            "een coördinatenstelsel: EPSG:31370",
            "souřadnicový systém: EPSG:31370",
        ),
        "period": ("a period: {from: 2026-01-01, to: 2026-12-31}",) * 3,
        "place": (
            "a place name or [west, south, east, north]",
            "een plaatsnaam of [west, zuid, oost, noord]",
            "název místa nebo [západ, jih, východ, sever]",
        ),
        "node": ("a set of fields", "een groep velden", "skupina polí"),
        "group": ("a set of fields", "een groep velden", "skupina polí"),
        "json": ("an object or a list", "een object of een lijst", "objekt nebo seznam"),
        "one": ("one value, not a list", "één waarde, geen lijst", "jedna hodnota, ne seznam"),
        "files": ("a list of files", "een lijst bestanden", "seznam souborů"),
        "language-map": (
            "text, or texts by language: {nl: …, en: …}",
            "tekst, of teksten per taal: {nl: …, en: …}",
            "text, nebo texty podle jazyka: {cs: …, en: …}",
        ),
        "bindings": ("a map of roles to addresses", "een lijst van rollen met adressen", "seznam rolí s adresami"),
        "conditions": (
            "the name of a template, or {template: name, …}",
            "de naam van een sjabloon, of {template: naam, …}",
            "jméno šablony, nebo {template: jméno, …}",
        ),
    }
)

LISTS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "theme": ("an EU data theme", "EU-datathema", "téma dat EU"),
        "license": ("a licence that is known here", "licentie die hier bekend is", "licence, která je tu známa"),
        "format": ("an EU file type", "EU-bestandstype", "typ souboru EU"),
        "language": ("a language tag", "taalcode", "kód jazyka"),
        "frequency": ("an EU frequency", "EU-frequentie", "frekvence EU"),
        "access": ("an EU access right", "EU-toegangsrecht", "přístupové právo EU"),
        "transformation language": (
            "a language for transformations",
            "taal voor transformaties",
            "jazyk pro transformace",
        ),
        "risk": ("a level of risk", "risiconiveau", "úroveň rizika"),
    }
)

WHY: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "theme": (
            "European portals would file it nowhere.",
            "Europese portalen zouden het nergens onderbrengen.",
            "Evropské portály by ji nikam nezařadily.",
        ),
        "license": (
            "Others could not tell what it allows.",
            "Anderen weten niet wat ze toestaat.",
            "Ostatní by nevěděli, co dovoluje.",
        ),
    }
)

LEAVE_OUT: Final = ("leave it out", "laat het weg", "vynechte je")
DID_YOU_MEAN: Final = ("did you mean {0}?", "bedoelt u {0}?", "mysleli jste {0}?")
ONE_OF: Final = ("one of: {0}", "een van: {0}", "jedno z: {0}")

# Constraint component (SHACL §4) → sentence. {name} is the property, {bound} the parameter of the constraint.
COMPONENT: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "MinCount": (
            "{name}: at least {bound} needed",
            "{name}: minstens {bound} nodig",
            "{name}: je třeba nejméně {bound}",
        ),
        "MaxCount": (
            "{name}: at most {bound} allowed",
            "{name}: hoogstens {bound} toegestaan",
            "{name}: povoleno nejvýše {bound}",
        ),
        "Datatype": (
            "{name} must be of type {bound}",
            "{name} moet van type {bound} zijn",
            "{name}: typ musí být {bound}",
        ),
        "NodeKind": ("{name} must be {bound}", "{name} moet {bound} zijn", "{name}: musí to být {bound}"),
        "Class": (
            "{name} must be something of class {bound}",
            "{name} moet iets van klasse {bound} zijn",
            "{name}: musí to být něco třídy {bound}",
        ),
        "In": (
            "{name} must be one of: {bound}",
            "{name} moet een van deze zijn: {bound}",
            "{name}: musí to být jedno z: {bound}",
        ),
        "HasValue": ("{name} must include {bound}", "{name} moet {bound} bevatten", "{name}: nesmí chybět {bound}"),
        "Pattern": (
            "{name} is not written as it should be (pattern {bound})",
            "{name} is niet goed geschreven (patroon {bound})",
            "{name}: nesprávný zápis (vzor {bound})",
        ),
        "MinLength": (
            "{name} is too short: at least {bound} characters",
            "{name} is te kort: minstens {bound} tekens",
            "{name}: příliš krátké, nejméně {bound} znaků",
        ),
        "MaxLength": (
            "{name} is too long: at most {bound} characters",
            "{name} is te lang: hoogstens {bound} tekens",
            "{name}: příliš dlouhé, nejvýše {bound} znaků",
        ),
        "MinInclusive": (
            "{name} must be at least {bound}",
            "{name} moet minstens {bound} zijn",
            "{name}: nejméně {bound}",
        ),
        "MaxInclusive": (
            "{name} must be at most {bound}",
            "{name} moet hoogstens {bound} zijn",
            "{name}: nejvýše {bound}",
        ),
        "MinExclusive": (
            "{name} must be more than {bound}",
            "{name} moet meer dan {bound} zijn",
            "{name}: více než {bound}",
        ),
        "MaxExclusive": (
            "{name} must be less than {bound}",
            "{name} moet minder dan {bound} zijn",
            "{name}: méně než {bound}",
        ),
        "LanguageIn": (
            "{name} must be in one of these languages: {bound}",
            "{name} moet in een van deze talen zijn: {bound}",
            "{name}: musí být v jednom z těchto jazyků: {bound}",
        ),
        "UniqueLang": (
            "{name} is given twice in the same language",
            "{name} staat er twee keer in dezelfde taal",
            "{name}: uvedeno dvakrát v témže jazyce",
        ),
        "Equals": (
            "{name} must be the same as {bound}",
            "{name} moet gelijk zijn aan {bound}",
            "{name}: musí být totéž co {bound}",
        ),
        "Disjoint": (
            "{name} must differ from {bound}",
            "{name} moet verschillen van {bound}",
            "{name}: musí se lišit od {bound}",
        ),
        "LessThan": (
            "{name} must come before {bound}",
            "{name} moet voor {bound} komen",
            "{name}: musí předcházet {bound}",
        ),
        "LessThanOrEquals": (
            "{name} must not come after {bound}",
            "{name} mag niet na {bound} komen",
            "{name}: nesmí následovat po {bound}",
        ),
        "QualifiedMinCount": (
            "{name}: at least {bound} of the right sort needed",
            "{name}: minstens {bound} van de juiste soort nodig",
            "{name}: je třeba nejméně {bound} správného druhu",
        ),
        "QualifiedMaxCount": (
            "{name}: at most {bound} of this sort allowed",
            "{name}: hoogstens {bound} van deze soort toegestaan",
            "{name}: povoleno nejvýše {bound} tohoto druhu",
        ),
        "Closed": (
            "{name} has no place here",
            "{name} hoort hier niet",
            "{name}: sem nepatří",
        ),
        "Not": ("{name} is what it must not be", "{name} is wat het niet mag zijn", "{name}: je tím, čím být nesmí"),
        "And": (
            "{name} breaks one of several rules",
            "{name} voldoet niet aan alle regels",
            "{name}: nesplňuje všechna pravidla",
        ),
        "Or": (
            "{name} fits none of the allowed forms",
            "{name} past in geen toegestane vorm",
            "{name}: neodpovídá žádné povolené podobě",
        ),
        "Xone": (
            "{name} must fit exactly one of the allowed forms",
            "{name} moet in precies één toegestane vorm passen",
            "{name}: musí odpovídat právě jedné povolené podobě",
        ),
        "Node": (
            "{name} is not described as it should be",
            "{name} is niet goed beschreven",
            "{name}: nesprávný popis",
        ),
        "Property": (
            "{name} is not described as it should be",
            "{name} is niet goed beschreven",
            "{name}: nesprávný popis",
        ),
    }
)

NODE_KINDS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "IRI": ("a web address", "een webadres", "webová adresa"),
        "Literal": ("text or a number", "tekst of een getal", "text nebo číslo"),
        "BlankNode": ("described in place", "ter plaatse beschreven", "popis na místě"),
        "BlankNodeOrIRI": (
            "a link or a description in place",
            "een link of een beschrijving",
            "odkaz nebo popis na místě",
        ),
        "BlankNodeOrLiteral": (
            "text or a description in place",
            "tekst of een beschrijving",
            "text nebo popis na místě",
        ),
        "IRIOrLiteral": ("a web address or text", "een webadres of tekst", "webová adresa nebo text"),
    }
)
