"""Plural forms that the rules of a stemmer do not join with their singular: "fietspaden" and "fietspad".

Stemmers cut endings off. They do not know the nouns whose stem changes in the plural. Those are few in each language,
and often the last part of a compound: "paden" is also in "fietspaden". Such words are brought into the singular
before they are stemmed, also loan words whose ending the stemmer passes over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_WORD: Final = re.compile(r"\w+")


class Plurals:
    """The nouns of a language, as ``singular=plural``. ``heads`` are found at the end of longer words too; ``words``
    only alone, because longer words end like them by chance. ``ending`` is cut off, if it is given."""

    def __init__(self, *, heads: str = "", words: str = "", ending: str = "") -> None:
        self._heads, self._words = _table(heads), _table(words)
        self._head = re.compile(f"(?:{'|'.join(self._heads)})$") if heads else None
        self._ending = re.compile(f"{ending}$") if ending else None
        self._singular = lru_cache(maxsize=16384)(self._of_word)

    def singular(self, text: str) -> str:
        """Return ``text``, which is in lower case and has its accents, with these nouns in the singular."""
        return _WORD.sub(lambda match: self._singular(match[0]), text)

    def _of_word(self, word: str) -> str:
        if (known := self._words.get(word)) is not None:
            return known
        if self._head is not None and (match := self._head.search(word)):
            return word[: match.start()] + self._heads[match[0]]
        return word if self._ending is None else self._ending.sub("", word)


def _table(pairs: str) -> dict[str, str]:
    return {plural: singular for singular, plural in (pair.split("=") for pair in pairs.split())}


PLURALS: Final[Mapping[str, Plurals]] = MappingProxyType(
    {
        # A vowel that is short in the singular and long in the plural, and -eren: closed classes (Algemene
        # Nederlandse Spraakkunst, 3.5). "Bomen" and "straten" are not of them: the stemmer knows their vowels.
        "nl": Plurals(
            heads="pad=paden bad=baden blad=bladen blad=bladeren bedrag=bedragen verdrag=verdragen verslag=verslagen "
            "glas=glazen graf=graven vat=vaten hof=hoven gebed=gebeden gebod=geboden verbod=verboden gebrek=gebreken "
            "schip=schepen binnenstad=binnensteden smid=smeden slid=sleden oorlog=oorlogen kind=kinderen "
            "lied=liederen rund=runderen volk=volkeren museum=musea centrum=centra aquarium=aquaria podium=podia "
            "gymnasium=gymnasia criterium=criteria territorium=territoria set=sets fiets=fietsen toets=toetsen "
            "schets=schetsen ator=atoren ctor=ctoren motor=motoren monitor=monitoren sensor=sensoren ssor=ssoren "
            "waterweg=waterwegen spoorweg=spoorwegen fietsweg=fietswegen gewestweg=gewestwegen landweg=landwegen "
            "snelweg=snelwegen autoweg=autowegen buurtweg=buurtwegen hoofdweg=hoofdwegen stadsweg=stadswegen",
            words="weg=wegen dag=dagen dak=daken dal=dalen gat=gaten slot=sloten spel=spelen lot=loten stad=steden "
            "lid=leden god=goden staf=staven ei=eieren",
        ),
        "de": Plurals(
            heads="museum=museen zentrum=zentren gymnasium=gymnasien stadion=stadien aquarium=aquarien bus=busse "
            "bus=bussen ministerium=ministerien territorium=territorien thema=themen firma=firmen konto=konten"
        ),
        "fr": Plurals(
            words="feu=feux jeu=jeux enjeu=enjeux lieu=lieux milieu=milieux vœu=vœux cheveu=cheveux neveu=neveux "
            "tuyau=tuyaux noyau=noyaux joyau=joyaux boyau=boyaux travail=travaux vitrail=vitraux bail=baux "
            "corail=coraux émail=émaux soupirail=soupiraux vantail=vantaux bijou=bijoux caillou=cailloux chou=choux "
            "genou=genoux hibou=hiboux",
            # The stemmer leaves it: vélos, métros, menus. Shorter words end in it in the singular: bus, dos.
            ending=r"(?<=\w\w\w[ou])s",
        ),
        "en": Plurals(
            heads="child=children foot=feet tooth=teeth goose=geese shelf=shelves wolf=wolves knife=knives "
            "calf=calves loaf=loaves thief=thieves bus=buses criterion=criteria phenomenon=phenomena woman=women "
            "eman=emen sman=smen rman=rmen kman=kmen",
            words="person=people man=men mouse=mice leaf=leaves half=halves wife=wives life=lives scarf=scarves "
            "analysis=analyses crisis=crises index=indices matrix=matrices vertex=vertices",
        ),
    }
)
"""Language → its plural forms."""
