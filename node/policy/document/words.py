"""What the agreement's document says in each language, beside the conditions themselves (``node.policy.words``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class DocumentWords:
    """The fixed texts of one language. Headings are nominative; ``{…}`` are filled."""

    language_name: str
    kind_of_document: str
    between: str
    number: str
    concluded: str
    in_brief: str
    in_brief_note: str
    parties: str
    provider: str
    recipient: str
    hereinafter: str
    name: str
    identifier: str
    address: str
    contact: str
    signatory: str
    mandate: str
    protection_officer: str
    legal_basis: str
    unnamed: str
    subject: str
    title: str
    kind: str
    kinds: dict[str, str]
    iri: str
    version: str
    fingerprint: str
    delivery: str
    sealed: str
    plain: str
    use: str
    marks: str
    checked: str
    promised: str
    prohibitions: str
    no_prohibitions: str
    duties: str
    no_duties: str
    purpose: str
    purpose_free: str
    purpose_excluded: str
    purpose_mixed: str
    term: str
    term_from_to: str
    term_to: str
    term_from: str
    term_open: str
    term_mixed: str
    term_end: str
    term_after: str
    deletion: str
    deletion_none: str
    rulebook: str
    rulebook_applies: str
    rulebook_none: str
    precedence: str
    precedence_text: str
    precedence_languages: str
    verification: str
    verification_text: str
    agreement_number: str
    agreement_hash: str
    offer: str
    signatures: str
    signed_by: str
    signed_electronically: str
    signature_kept: str
    place_and_date: str
    signature: str
    unreadable: str


_EN: Final = DocumentWords(
    language_name="English",
    kind_of_document="Agreement on the use of data",
    between="between {provider} and {recipient}",
    number="No.",
    concluded="Concluded on {date}",
    in_brief="In brief",
    in_brief_note="An overview. The articles below are what was agreed.",
    parties="Parties",
    provider="Provider",
    recipient="Recipient",
    hereinafter="hereinafter “{role}”",
    name="Name",
    identifier="Identifier",
    address="Address",
    contact="Contact",
    signatory="Represented by",
    mandate="Mandate",
    protection_officer="Data protection officer",
    legal_basis="Legal basis",
    unnamed="name not stated",
    subject="Subject",
    title="Title",
    kind="Kind",
    kinds={
        "dataset": "Dataset",
        "service": "Data service",
        "model": "Model",
        "ontology": "Ontology",
        "schema": "Schema",
        "transformation": "Transformation",
        "scenario": "Scenario",
        "rulebook": "Rulebook",
    },
    iri="Web address (IRI)",
    version="Version",
    fingerprint="Fingerprint of the description (SHA-256)",
    delivery="Delivery",
    sealed="Sealed: encrypted so that only the recipient can open it.",
    plain="Over a protected connection, without sealing.",
    use="Permitted use",
    marks="Each condition is marked: what the provider’s node checks at every access, and what the recipient "
    "promises.",
    checked="checked at every access",
    promised="promised",
    prohibitions="What is not allowed",
    no_prohibitions="Nothing is forbidden beyond what is not permitted above.",
    duties="Duties of the recipient",
    no_duties="No further duties were agreed.",
    purpose="Purpose",
    purpose_free="Any lawful purpose.",
    purpose_excluded="Any lawful purpose, except: {purposes}.",
    purpose_mixed="As stated under “Permitted use”.",
    term="Term",
    term_from_to="From {start} until {end}, both included.",
    term_to="From its conclusion until {end}, included.",
    term_from="From {start}, without a fixed end.",
    term_open="From its conclusion, without a fixed end.",
    term_mixed="As stated under “Permitted use”.",
    term_end="As soon as a condition that is checked no longer holds, the provider gives no further access. How the "
    "agreement can be ended earlier follows from the rulebook and the law.",
    term_after="Duties and prohibitions continue to hold for what was received while the agreement was in force.",
    deletion="Deletion",
    deletion_none="Not agreed: the recipient may keep what it received within the permitted use.",
    rulebook="Rulebook",
    rulebook_applies="Both parties are bound by this rulebook, in this version:",
    rulebook_none="No rulebook applies.",
    precedence="Precedence",
    precedence_text="Mandatory law comes first, then the rulebook, then this text, then the machine-readable terms "
    "from which it was made. The parties’ nodes act on the machine-readable terms; where these differ from this "
    "text, "
    "this text says what the parties owe one another.",
    precedence_languages="Where the language versions differ, the version in this language prevails: {language}.",
    verification="How to verify",
    verification_text="Both parties hold this agreement, each in its own register. Each signs the number, the "
    "fingerprint of the agreement and the fingerprint of this text. “hansa verify” checks signatures and register; "
    "anybody can compute the fingerprint from the agreement in canonical form (RFC 8785, SHA-256).",
    agreement_number="Number of the agreement",
    agreement_hash="Fingerprint of the agreement (SHA-256)",
    offer="Made from the offer",
    signatures="Signatures",
    signed_by="For {party}",
    signed_electronically="Signed electronically by {did}",
    signature_kept="The electronic signature is kept with the agreement.",
    place_and_date="Place and date",
    signature="Name, function and signature",
    unreadable="not stated",
)

_NL: Final = DocumentWords(
    language_name="Nederlands",
    kind_of_document="Overeenkomst over het gebruik van gegevens",
    between="tussen {provider} en {recipient}",
    number="Nr.",
    concluded="Gesloten op {date}",
    in_brief="In het kort",
    in_brief_note="Een overzicht. De artikelen hieronder zijn wat overeengekomen is.",
    parties="Partijen",
    provider="Aanbieder",
    recipient="Ontvanger",
    hereinafter="hierna “{role}”",
    name="Naam",
    identifier="Identificator",
    address="Adres",
    contact="Contact",
    signatory="Vertegenwoordigd door",
    mandate="Mandaat",
    protection_officer="Functionaris voor gegevensbescherming",
    legal_basis="Rechtsgrond",
    unnamed="naam niet opgegeven",
    subject="Onderwerp",
    title="Titel",
    kind="Type",
    kinds={
        "dataset": "Dataset",
        "service": "Dataservice",
        "model": "Model",
        "ontology": "Ontologie",
        "schema": "Schema",
        "transformation": "Transformatie",
        "scenario": "Scenario",
        "rulebook": "Afsprakenstelsel",
    },
    iri="Webadres (IRI)",
    version="Versie",
    fingerprint="Vingerafdruk van de beschrijving (SHA-256)",
    delivery="Levering",
    sealed="Verzegeld: zo versleuteld dat alleen de ontvanger het kan openen.",
    plain="Over een beveiligde verbinding, zonder verzegeling.",
    use="Toegestaan gebruik",
    marks="Bij elke voorwaarde staat of het knooppunt van de aanbieder haar bij elke toegang nagaat, of dat de "
    "ontvanger haar belooft.",
    checked="nagegaan bij elke toegang",
    promised="beloofd",
    prohibitions="Wat niet mag",
    no_prohibitions="Niets is verboden behalve wat hierboven niet is toegestaan.",
    duties="Plichten van de ontvanger",
    no_duties="Verdere plichten zijn niet overeengekomen.",
    purpose="Doel",
    purpose_free="Elk rechtmatig doel.",
    purpose_excluded="Elk rechtmatig doel, behalve: {purposes}.",
    purpose_mixed="Zoals vermeld onder “Toegestaan gebruik”.",
    term="Duur",
    term_from_to="Van {start} tot en met {end}.",
    term_to="Vanaf het sluiten tot en met {end}.",
    term_from="Vanaf {start}, zonder vaste einddatum.",
    term_open="Vanaf het sluiten, zonder vaste einddatum.",
    term_mixed="Zoals vermeld onder “Toegestaan gebruik”.",
    term_end="Zodra een voorwaarde die wordt nagegaan niet meer vervuld is, geeft de aanbieder geen verdere "
    "toegang. "
    "Hoe de overeenkomst eerder kan eindigen, volgt uit het reglement en de wet.",
    term_after="Plichten en verboden blijven gelden voor wat tijdens de overeenkomst is ontvangen.",
    deletion="Wissen",
    deletion_none="Niet overeengekomen: de ontvanger mag binnen het toegestane gebruik behouden wat hij ontving.",
    rulebook="Afsprakenstelsel",
    rulebook_applies="Beide partijen zijn gebonden aan dit reglement, in deze versie:",
    rulebook_none="Er is geen reglement van toepassing.",
    precedence="Voorrang",
    precedence_text="Dwingend recht gaat voor, dan het reglement, dan deze tekst, dan de machineleesbare voorwaarden "
    "waaruit hij is gemaakt. De knooppunten van de partijen handelen naar de machineleesbare voorwaarden; wijken die "
    "van deze tekst af, dan bepaalt deze tekst wat de partijen elkaar verschuldigd zijn.",
    precedence_languages="Verschillen de taalversies, dan gaat de versie in deze taal voor: {language}.",
    verification="Hoe te controleren",
    verification_text="Beide partijen bewaren deze overeenkomst, elk in het eigen register. Elke partij ondertekent "
    "het nummer, de vingerafdruk van de overeenkomst en de vingerafdruk van deze tekst. “hansa verify” controleert "
    "handtekeningen en register; iedereen kan de vingerafdruk berekenen uit de overeenkomst in canonieke vorm "
    "(RFC 8785, SHA-256).",
    agreement_number="Nummer van de overeenkomst",
    agreement_hash="Vingerafdruk van de overeenkomst (SHA-256)",
    offer="Gemaakt uit het aanbod",
    signatures="Handtekeningen",
    signed_by="Voor {party}",
    signed_electronically="Elektronisch ondertekend door {did}",
    signature_kept="De elektronische handtekening wordt bij de overeenkomst bewaard.",
    place_and_date="Plaats en datum",
    signature="Naam, functie en handtekening",
    unreadable="niet vermeld",
)

_CS: Final = DocumentWords(
    language_name="čeština",
    kind_of_document="Dohoda o užívání dat",
    between="mezi stranami {provider} a {recipient}",
    number="Č.",
    concluded="Uzavřena dne {date}",
    in_brief="Stručně",
    in_brief_note="Přehled. Dohodnuto je to, co stojí v článcích níže.",
    parties="Strany",
    provider="Poskytovatel",
    recipient="Příjemce",
    hereinafter="dále jen „{role}“",
    name="Název",
    identifier="Identifikátor",
    address="Adresa",
    contact="Kontakt",
    signatory="Zastoupen",
    mandate="Oprávnění",
    protection_officer="Pověřenec pro ochranu osobních údajů",
    legal_basis="Právní základ",
    unnamed="název neuveden",
    subject="Předmět",
    title="Název",
    kind="Druh",
    kinds={
        "dataset": "Datová sada",
        "service": "Datová služba",
        "model": "Model",
        "ontology": "Ontologie",
        "schema": "Schéma",
        "transformation": "Transformace",
        "scenario": "Scénář",
        "rulebook": "Soubor pravidel",
    },
    iri="Webová adresa (IRI)",
    version="Verze",
    fingerprint="Otisk popisu (SHA-256)",
    delivery="Předání",
    sealed="Zapečetěno: zašifrováno tak, že je otevře jen příjemce.",
    plain="Chráněným spojením, bez zapečetění.",
    use="Dovolené užití",
    marks="U každé podmínky je uvedeno, zda ji uzel poskytovatele ověřuje při každém přístupu, nebo zda ji příjemce "
    "slibuje.",
    checked="ověřuje se při každém přístupu",
    promised="slíbeno",
    prohibitions="Co není dovoleno",
    no_prohibitions="Nic není zakázáno nad to, co není výše dovoleno.",
    duties="Povinnosti příjemce",
    no_duties="Další povinnosti nebyly dohodnuty.",
    purpose="Účel",
    purpose_free="Jakýkoli zákonný účel.",
    purpose_excluded="Jakýkoli zákonný účel kromě těchto: {purposes}.",
    purpose_mixed="Jak je uvedeno v článku „Dovolené užití“.",
    term="Doba trvání",
    term_from_to="Od {start} do {end}, obojí včetně.",
    term_to="Od uzavření do {end} včetně.",
    term_from="Od {start}, bez pevného konce.",
    term_open="Od uzavření, bez pevného konce.",
    term_mixed="Jak je uvedeno v článku „Dovolené užití“.",
    term_end="Jakmile některá z ověřovaných podmínek přestane platit, poskytovatel další přístup neposkytne. Jak lze "
    "dohodu ukončit dříve, vyplývá ze souboru pravidel a ze zákona.",
    term_after="Povinnosti a zákazy trvají pro to, co bylo převzato za trvání dohody.",
    deletion="Výmaz",
    deletion_none="Nebyl dohodnut: příjemce si smí v mezích dovoleného užití ponechat, co převzal.",
    rulebook="Soubor pravidel",
    rulebook_applies="Obě strany jsou vázány tímto souborem pravidel, v této verzi:",
    rulebook_none="Žádný soubor pravidel se nepoužije.",
    precedence="Přednost",
    precedence_text="Přednost má kogentní právo, poté soubor pravidel, poté tento text, poté strojově čitelné "
    "podmínky, z nichž byl vytvořen. Uzly stran jednají podle strojově čitelných podmínek; liší-li se od tohoto "
    "textu, "
    "určuje tento text, co si strany vzájemně dluží.",
    precedence_languages="Liší-li se jazyková znění, má přednost znění v tomto jazyce: {language}.",
    verification="Jak ověřit",
    verification_text="Dohodu mají obě strany, každá ve svém rejstříku. Každá podepisuje číslo, otisk dohody a otisk "
    "tohoto textu. Příkaz „hansa verify“ ověří podpisy i rejstřík; otisk může kdokoli spočítat z dohody v kanonické "
    "podobě (RFC 8785, SHA-256).",
    agreement_number="Číslo dohody",
    agreement_hash="Otisk dohody (SHA-256)",
    offer="Vytvořena z nabídky",
    signatures="Podpisy",
    signed_by="Za stranu {party}",
    signed_electronically="Elektronicky podepsal {did}",
    signature_kept="Elektronický podpis je uložen u dohody.",
    place_and_date="Místo a datum",
    signature="Jméno, funkce a podpis",
    unreadable="neuvedeno",
)

_FR: Final = DocumentWords(
    language_name="français",
    kind_of_document="Accord sur l’utilisation de données",
    between="entre {provider} et {recipient}",
    number="N°",
    concluded="Conclu le {date}",
    in_brief="En bref",
    in_brief_note="Un aperçu. Ce sont les articles ci-dessous qui ont été convenus.",
    parties="Parties",
    provider="Fournisseur",
    recipient="Destinataire",
    hereinafter="ci-après « {role} »",
    name="Nom",
    identifier="Identifiant",
    address="Adresse",
    contact="Contact",
    signatory="Représenté par",
    mandate="Mandat",
    protection_officer="Délégué à la protection des données",
    legal_basis="Base juridique",
    unnamed="nom non indiqué",
    subject="Objet",
    title="Titre",
    kind="Nature",
    kinds={
        "dataset": "Jeu de données",
        "service": "Service de données",
        "model": "Modèle",
        "ontology": "Ontologie",
        "schema": "Schéma",
        "transformation": "Transformation",
        "scenario": "Scénario",
        "rulebook": "Règlement",
    },
    iri="Adresse web (IRI)",
    version="Version",
    fingerprint="Empreinte de la description (SHA-256)",
    delivery="Remise",
    sealed="Scellé : chiffré de sorte que seul le destinataire puisse l’ouvrir.",
    plain="Par une connexion protégée, sans scellement.",
    use="Utilisation permise",
    marks="Chaque condition porte la mention de ce que le nœud du fournisseur vérifie à chaque accès, ou de ce que "
    "le "
    "destinataire promet.",
    checked="vérifié à chaque accès",
    promised="promis",
    prohibitions="Ce qui n’est pas permis",
    no_prohibitions="Rien n’est interdit au-delà de ce qui n’est pas permis ci-dessus.",
    duties="Obligations du destinataire",
    no_duties="Aucune autre obligation n’a été convenue.",
    purpose="Finalité",
    purpose_free="Toute finalité licite.",
    purpose_excluded="Toute finalité licite, sauf : {purposes}.",
    purpose_mixed="Comme indiqué sous « Utilisation permise ».",
    term="Durée",
    term_from_to="Du {start} au {end} inclus.",
    term_to="De sa conclusion au {end} inclus.",
    term_from="À partir du {start}, sans fin déterminée.",
    term_open="À partir de sa conclusion, sans fin déterminée.",
    term_mixed="Comme indiqué sous « Utilisation permise ».",
    term_end="Dès qu’une condition vérifiée n’est plus remplie, le fournisseur ne donne plus accès. La manière de "
    "mettre "
    "fin plus tôt à l’accord résulte du règlement et de la loi.",
    term_after="Les obligations et interdictions continuent de valoir pour ce qui a été reçu pendant l’accord.",
    deletion="Effacement",
    deletion_none="Non convenu : le destinataire peut conserver ce qu’il a reçu dans les limites de l’utilisation "
    "permise.",
    rulebook="Règlement",
    rulebook_applies="Les deux parties sont liées par ce règlement, dans cette version :",
    rulebook_none="Aucun règlement ne s’applique.",
    precedence="Primauté",
    precedence_text="Le droit impératif prime, puis le règlement, puis ce texte, puis les conditions lisibles par "
    "machine dont il est issu. Les nœuds des parties agissent selon les conditions lisibles par machine ; si elles "
    "diffèrent de ce texte, celui-ci dit ce que les parties se doivent.",
    precedence_languages="Si les versions linguistiques diffèrent, la version dans cette langue prévaut : "
    "{language}.",
    verification="Comment vérifier",
    verification_text="Les deux parties détiennent cet accord, chacune dans son registre. Chacune signe le numéro, "
    "l’empreinte de l’accord et l’empreinte de ce texte. « hansa verify » contrôle signatures et registre ; chacun "
    "peut "
    "calculer l’empreinte à partir de l’accord sous forme canonique (RFC 8785, SHA-256).",
    agreement_number="Numéro de l’accord",
    agreement_hash="Empreinte de l’accord (SHA-256)",
    offer="Issu de l’offre",
    signatures="Signatures",
    signed_by="Pour {party}",
    signed_electronically="Signé électroniquement par {did}",
    signature_kept="La signature électronique est conservée avec l’accord.",
    place_and_date="Lieu et date",
    signature="Nom, fonction et signature",
    unreadable="non indiqué",
)

_DE: Final = DocumentWords(
    language_name="Deutsch",
    kind_of_document="Vereinbarung über die Nutzung von Daten",
    between="zwischen {provider} und {recipient}",
    number="Nr.",
    concluded="Geschlossen am {date}",
    in_brief="In Kürze",
    in_brief_note="Ein Überblick. Vereinbart ist, was in den Artikeln unten steht.",
    parties="Parteien",
    provider="Anbieter",
    recipient="Empfänger",
    hereinafter="nachfolgend „{role}“",
    name="Name",
    identifier="Kennung",
    address="Anschrift",
    contact="Kontakt",
    signatory="Vertreten durch",
    mandate="Vollmacht",
    protection_officer="Datenschutzbeauftragte Person",
    legal_basis="Rechtsgrundlage",
    unnamed="Name nicht angegeben",
    subject="Gegenstand",
    title="Titel",
    kind="Art",
    kinds={
        "dataset": "Datensatz",
        "service": "Datendienst",
        "model": "Modell",
        "ontology": "Ontologie",
        "schema": "Schema",
        "transformation": "Transformation",
        "scenario": "Szenario",
        "rulebook": "Regelwerk",
    },
    iri="Webadresse (IRI)",
    version="Version",
    fingerprint="Fingerabdruck der Beschreibung (SHA-256)",
    delivery="Lieferung",
    sealed="Versiegelt: so verschlüsselt, dass nur der Empfänger es öffnen kann.",
    plain="Über eine geschützte Verbindung, ohne Versiegelung.",
    use="Erlaubte Nutzung",
    marks="Bei jeder Bedingung steht, ob der Knoten des Anbieters sie bei jedem Zugriff prüft oder ob der "
    "Empfänger sie verspricht.",
    checked="bei jedem Zugriff geprüft",
    promised="versprochen",
    prohibitions="Was nicht erlaubt ist",
    no_prohibitions="Verboten ist nichts außer dem, was oben nicht erlaubt ist.",
    duties="Pflichten des Empfängers",
    no_duties="Weitere Pflichten wurden nicht vereinbart.",
    purpose="Zweck",
    purpose_free="Jeder rechtmäßige Zweck.",
    purpose_excluded="Jeder rechtmäßige Zweck außer: {purposes}.",
    purpose_mixed="Wie unter „Erlaubte Nutzung“ angegeben.",
    term="Laufzeit",
    term_from_to="Vom {start} bis einschließlich {end}.",
    term_to="Vom Abschluss bis einschließlich {end}.",
    term_from="Ab dem {start}, ohne festes Ende.",
    term_open="Ab dem Abschluss, ohne festes Ende.",
    term_mixed="Wie unter „Erlaubte Nutzung“ angegeben.",
    term_end="Sobald eine geprüfte Bedingung nicht mehr erfüllt ist, gewährt der Anbieter keinen weiteren "
    "Zugriff. "
    "Wie die Vereinbarung früher enden kann, ergibt sich aus dem Regelwerk und dem Gesetz.",
    term_after="Pflichten und Verbote gelten fort für das, was während der Vereinbarung empfangen wurde.",
    deletion="Löschung",
    deletion_none="Nicht vereinbart: der Empfänger darf im Rahmen der erlaubten Nutzung behalten, was er empfing.",
    rulebook="Regelwerk",
    rulebook_applies="Beide Parteien sind an dieses Regelwerk gebunden, in dieser Version:",
    rulebook_none="Es gilt kein Regelwerk.",
    precedence="Rangfolge",
    precedence_text="Zwingendes Recht geht vor, dann das Regelwerk, dann dieser Text, dann die maschinenlesbaren "
    "Bedingungen, aus denen er entstanden ist. Die Knoten der Parteien handeln nach den maschinenlesbaren "
    "Bedingungen; "
    "weichen diese von diesem Text ab, sagt dieser Text, was die Parteien einander schulden.",
    precedence_languages="Weichen die Sprachfassungen voneinander ab, geht die Fassung in dieser Sprache vor: "
    "{language}.",
    verification="Wie man prüft",
    verification_text="Beide Parteien halten diese Vereinbarung, jede in ihrem Register. Jede unterschreibt die "
    "Nummer, "
    "den Fingerabdruck der Vereinbarung und den Fingerabdruck dieses Textes. „hansa verify“ prüft Unterschriften und "
    "Register; jeder kann den Fingerabdruck aus der Vereinbarung in kanonischer Form berechnen (RFC 8785, SHA-256).",
    agreement_number="Nummer der Vereinbarung",
    agreement_hash="Fingerabdruck der Vereinbarung (SHA-256)",
    offer="Entstanden aus dem Angebot",
    signatures="Unterschriften",
    signed_by="Für {party}",
    signed_electronically="Elektronisch unterschrieben von {did}",
    signature_kept="Die elektronische Unterschrift wird bei der Vereinbarung aufbewahrt.",
    place_and_date="Ort und Datum",
    signature="Name, Funktion und Unterschrift",
    unreadable="nicht angegeben",
)

_BY_LANGUAGE: Final[dict[str, DocumentWords]] = {"en": _EN, "nl": _NL, "cs": _CS, "fr": _FR, "de": _DE}


def document_words(language: str) -> DocumentWords:
    """The texts of a language (``nl-BE`` reads as ``nl``); English where we do not speak it."""
    return _BY_LANGUAGE.get(language.partition("-")[0].lower(), _EN)
