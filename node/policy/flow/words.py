"""Words for conditions that flow: what binds a result, why there may be none, what an offer lacks.

What a condition says is worded by ``node.policy.words``, as everywhere; here are only the sentences around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from node.policy.flow.freedom import Demand
from node.policy.phrases import LANGUAGES, phrases
from node.policy.rules import Policy, Rule
from node.policy.terms import USE
from node.policy.words import explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """One language. ``{who}`` is an input in quotation marks, ``{said}`` a sentence without its full stop."""

    free: str
    exclude: str
    not_understood: str
    no_derivatives: str
    unknown_licence: str
    no_terms: str
    void: str
    withheld: str
    two_alike: str
    alike_closed: str
    alike: str
    sealed: str
    asks: str
    own_licence: str
    own_term: str
    add: str
    cells: str
    seal: str
    under: str
    leave_out: str
    choose: str
    mend: str


TEXTS: Final[dict[str, Texts]] = {
    "en": Texts(
        free="Nothing binds the result.",
        exclude="No result may be published: these conditions exclude one another: {items}.",
        not_understood="No result may be published: {who} has a condition that is not understood: {said}.",
        no_derivatives="No result may be published: {who} does not allow that anything new is made from it.",
        unknown_licence="No result may be published: the licence of {who} is not known here: {said}.",
        no_terms="No result may be published: {who} names neither a licence nor conditions.",
        void="No result may be published: the conditions of {who} contradict themselves and are void.",
        withheld="No result may be published: nothing is permitted by all inputs: {items}.",
        two_alike="No result may be published: each of these may go out under its own licence only: {items}.",
        alike_closed="No result may be published: {who} may go out under {said} only, which admits no other "
        "conditions; but there are: {items}.",
        alike="It may be published under this licence only: {said} ({who}).",
        sealed="It travels sealed only ({who}).",
        asks="More open than {who} allows: {said}.",
        own_licence="The licence of the result is not known here: {said}.",
        own_term="The offer has a term that is not understood: {said}.",
        add="Add to the conditions: {said}.",
        cells="Publish only figures that cover enough residents each, or offer it with that condition.",
        seal="Send it sealed.",
        under="Publish it under {said}, without further conditions.",
        leave_out="Ask the owner of {who} for an offer under which results may be published, or leave it out.",
        choose="Name a licence of the list: hansa publish --choices license.",
        mend="Use terms that the profile of this network has: docs/reference/conditions.md.",
    ),
    "nl": Texts(
        free="Niets bindt het resultaat.",
        exclude="Er mag geen resultaat worden gepubliceerd: deze voorwaarden sluiten elkaar uit: {items}.",
        not_understood="Er mag geen resultaat worden gepubliceerd: {who} heeft een voorwaarde die niet wordt "
        "begrepen: {said}.",
        no_derivatives="Er mag geen resultaat worden gepubliceerd: {who} staat niet toe dat er iets nieuws van "
        "wordt gemaakt.",
        unknown_licence="Er mag geen resultaat worden gepubliceerd: de licentie van {who} is hier niet bekend: "
        "{said}.",
        no_terms="Er mag geen resultaat worden gepubliceerd: {who} noemt geen licentie en geen voorwaarden.",
        void="Er mag geen resultaat worden gepubliceerd: de voorwaarden van {who} spreken zichzelf tegen en zijn "
        "nietig.",
        withheld="Er mag geen resultaat worden gepubliceerd: niets is door alle invoer toegestaan: {items}.",
        two_alike="Er mag geen resultaat worden gepubliceerd: elk hiervan mag alleen onder de eigen licentie "
        "verder: {items}.",
        alike_closed="Er mag geen resultaat worden gepubliceerd: {who} mag alleen verder onder {said}, die geen "
        "andere voorwaarden toelaat; die zijn er wel: {items}.",
        alike="Het mag alleen onder deze licentie worden gepubliceerd: {said} ({who}).",
        sealed="Het reist alleen verzegeld ({who}).",
        asks="Opener dan {who} toelaat: {said}.",
        own_licence="De licentie van het resultaat is hier niet bekend: {said}.",
        own_term="Het aanbod heeft een term die niet wordt begrepen: {said}.",
        add="Voeg aan de voorwaarden toe: {said}.",
        cells="Publiceer alleen cijfers die elk genoeg inwoners omvatten, of bied het aan met die voorwaarde.",
        seal="Verzend het verzegeld.",
        under="Publiceer het onder {said}, zonder verdere voorwaarden.",
        leave_out="Vraag de eigenaar van {who} om een aanbod waaronder resultaten mogen worden gepubliceerd, of "
        "laat het weg.",
        choose="Noem een licentie van de lijst: hansa publish --choices license.",
        mend="Gebruik termen uit het profiel van dit netwerk: docs/reference/conditions.md.",
    ),
    "cs": Texts(
        free="Výsledek není ničím vázán.",
        exclude="Žádný výsledek nelze zveřejnit: tyto podmínky se navzájem vylučují: {items}.",
        not_understood="Žádný výsledek nelze zveřejnit: {who} má podmínku, které se nerozumí: {said}.",
        no_derivatives="Žádný výsledek nelze zveřejnit: {who} nedovoluje, aby z něj vzniklo něco nového.",
        unknown_licence="Žádný výsledek nelze zveřejnit: licence vstupu {who} zde není známa: {said}.",
        no_terms="Žádný výsledek nelze zveřejnit: {who} neuvádí licenci ani podmínky.",
        void="Žádný výsledek nelze zveřejnit: podmínky vstupu {who} si odporují a jsou neplatné.",
        withheld="Žádný výsledek nelze zveřejnit: nic nedovolují všechny vstupy: {items}.",
        two_alike="Žádný výsledek nelze zveřejnit: každý z těchto vstupů smí dál jen pod vlastní licencí: {items}.",
        alike_closed="Žádný výsledek nelze zveřejnit: {who} smí dál jen pod licencí {said}, která nepřipouští "
        "další podmínky; ty tu však jsou: {items}.",
        alike="Zveřejnit lze jen pod touto licencí: {said} ({who}).",
        sealed="Putuje jen zapečetěné ({who}).",
        asks="Otevřenější, než dovoluje {who}: {said}.",
        own_licence="Licence výsledku zde není známa: {said}.",
        own_term="Nabídka má výraz, kterému se nerozumí: {said}.",
        add="Přidejte k podmínkám: {said}.",
        cells="Zveřejněte jen údaje, z nichž každý zahrnuje dost obyvatel, nebo je nabídněte s touto podmínkou.",
        seal="Pošlete je zapečetěné.",
        under="Zveřejněte je pod licencí {said}, bez dalších podmínek.",
        leave_out="Požádejte vlastníka vstupu {who} o nabídku, podle níž lze výsledky zveřejnit, nebo jej vynechte.",
        choose="Uveďte licenci ze seznamu: hansa publish --choices license.",
        mend="Použijte výrazy z profilu této sítě: docs/reference/conditions.md.",
    ),
    "fr": Texts(
        free="Rien ne lie le résultat.",
        exclude="Aucun résultat ne peut être publié : ces conditions s’excluent : {items}.",
        not_understood="Aucun résultat ne peut être publié : {who} a une condition qui n’est pas comprise : {said}.",
        no_derivatives="Aucun résultat ne peut être publié : {who} ne permet pas d’en tirer quoi que ce soit de "
        "nouveau.",
        unknown_licence="Aucun résultat ne peut être publié : la licence de {who} n’est pas connue ici : {said}.",
        no_terms="Aucun résultat ne peut être publié : {who} ne nomme ni licence ni conditions.",
        void="Aucun résultat ne peut être publié : les conditions de {who} se contredisent et sont nulles.",
        withheld="Aucun résultat ne peut être publié : rien n’est permis par toutes les entrées : {items}.",
        two_alike="Aucun résultat ne peut être publié : chacune de ces entrées n’est diffusable que sous sa propre "
        "licence : {items}.",
        alike_closed="Aucun résultat ne peut être publié : {who} n’est diffusable que sous {said}, qui n’admet pas "
        "d’autres conditions ; or il y en a : {items}.",
        alike="Il ne peut être publié que sous cette licence : {said} ({who}).",
        sealed="Il ne voyage que scellé ({who}).",
        asks="Plus ouvert que ne le permet {who} : {said}.",
        own_licence="La licence du résultat n’est pas connue ici : {said}.",
        own_term="L’offre a un terme qui n’est pas compris : {said}.",
        add="Ajoutez aux conditions : {said}.",
        cells="Ne publiez que des chiffres couvrant chacun assez d’habitants, ou offrez-le avec cette condition.",
        seal="Envoyez-le scellé.",
        under="Publiez-le sous {said}, sans autres conditions.",
        leave_out="Demandez au propriétaire de {who} une offre qui permet de publier des résultats, ou laissez-le "
        "de côté.",
        choose="Nommez une licence de la liste : hansa publish --choices license.",
        mend="Employez des termes du profil de ce réseau : docs/reference/conditions.md.",
    ),
    "de": Texts(
        free="Nichts bindet das Ergebnis.",
        exclude="Kein Ergebnis darf veröffentlicht werden: Diese Bedingungen schließen einander aus: {items}.",
        not_understood="Kein Ergebnis darf veröffentlicht werden: {who} hat eine Bedingung, die nicht verstanden "
        "wird: {said}.",
        no_derivatives="Kein Ergebnis darf veröffentlicht werden: {who} erlaubt nicht, dass daraus Neues entsteht.",
        unknown_licence="Kein Ergebnis darf veröffentlicht werden: Die Lizenz von {who} ist hier nicht bekannt: "
        "{said}.",
        no_terms="Kein Ergebnis darf veröffentlicht werden: {who} nennt weder Lizenz noch Bedingungen.",
        void="Kein Ergebnis darf veröffentlicht werden: Die Bedingungen von {who} widersprechen sich und sind "
        "nichtig.",
        withheld="Kein Ergebnis darf veröffentlicht werden: Nichts ist von allen Eingaben erlaubt: {items}.",
        two_alike="Kein Ergebnis darf veröffentlicht werden: Jede dieser Eingaben darf nur unter ihrer eigenen "
        "Lizenz weiter: {items}.",
        alike_closed="Kein Ergebnis darf veröffentlicht werden: {who} darf nur unter {said} weiter, die keine "
        "anderen Bedingungen zulässt; es gibt aber welche: {items}.",
        alike="Es darf nur unter dieser Lizenz veröffentlicht werden: {said} ({who}).",
        sealed="Es reist nur versiegelt ({who}).",
        asks="Offener, als {who} erlaubt: {said}.",
        own_licence="Die Lizenz des Ergebnisses ist hier nicht bekannt: {said}.",
        own_term="Das Angebot hat einen Begriff, der nicht verstanden wird: {said}.",
        add="Ergänzen Sie die Bedingungen: {said}.",
        cells="Veröffentlichen Sie nur Zahlen, die je genug Einwohner umfassen, oder bieten Sie es mit dieser "
        "Bedingung an.",
        seal="Senden Sie es versiegelt.",
        under="Veröffentlichen Sie es unter {said}, ohne weitere Bedingungen.",
        leave_out="Bitten Sie den Eigentümer von {who} um ein Angebot, unter dem Ergebnisse veröffentlicht werden "
        "dürfen, oder lassen Sie es weg.",
        choose="Nennen Sie eine Lizenz der Liste: hansa publish --choices license.",
        mend="Verwenden Sie Begriffe aus dem Profil dieses Netzes: docs/reference/conditions.md.",
    ),
}


def texts(language: str) -> Texts:
    return TEXTS.get(language, TEXTS["en"])


def quoted(names: Iterable[str], language: str) -> str:
    """The inputs in quotation marks: “Road network”, “Traffic counts”."""
    return ", ".join(dict.fromkeys(phrases(language).quote.format(name) for name in names))


def said(demand: Demand, language: str) -> str:
    """A condition, a duty or a prohibition with conditions, as a sentence without its full stop."""
    if isinstance(demand, Rule):
        policy = Policy(id="", obligations=(demand,))
    else:
        policy = Policy(id="", permissions=(Rule(action=USE, constraints=(demand,)),))
    return explained(policy, language)[0 if isinstance(demand, Rule) else 1].text.rstrip(".")


def forbidden(rule: Rule, language: str) -> str:
    """A prohibition as a sentence without its full stop."""
    return explained(Policy(id="", prohibitions=(rule,)), language)[0].text.rstrip(".")


def in_all(make: Callable[[str], str]) -> dict[str, str]:
    """``make(language)`` in every language."""
    return {language: make(language) for language in LANGUAGES}
