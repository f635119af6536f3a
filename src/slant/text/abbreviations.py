"""Which words of English news text end in a full stop without ending a sentence, and which words begin one.

They stand in for the lists that nupunkt ships, which were learnt from legal filings and scans: those hold thousands of ordinary
words ("free", "hacked", "ill", "can") as abbreviations and first names ("John", "Mary") as sentence starters.
"""

from __future__ import annotations

__all__ = ["ABBREVIATIONS", "BEFORE_A_NUMBER", "CONNECTIVES", "SPEECH_VERBS", "STARTERS", "TITLES"]


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Titles stand before a name, and so never end a sentence.
TITLES = _listed(
    """
    mr mrs ms mx dr drs prof profs messrs mme mlle rev fr hon gen lt col maj capt cmdr cpl sgt pvt brig adm gov sen sens rep reps
    amb pres supt atty asst det insp msgr br
    """
)

#: Lower-case abbreviations that point forward, and so never end a sentence.
CONNECTIVES = _listed("e.g i.e cf viz vs v approx")

#: Abbreviations only where a number follows; elsewhere ("He said no.", "a work of art.") they are words.
BEFORE_A_NUMBER = _listed("no nos art sec secs fig figs vol vols ch pp p para op")

#: Abbreviations as nupunkt wants them: lower case, without the last stop. Those of the second group may also end a sentence:
#: what follows decides. Words that are commoner as words ("in", "sun", "mass", "max") are absent.
ABBREVIATIONS = (
    TITLES
    | CONNECTIVES
    | _listed(
        """
        st mt ft jr sr esq ph.d m.d b.a m.a b.sc m.sc d.phil ll.b ll.m
        jan feb mar apr jun jul aug sep sept oct nov dec tue tues wed thu thur thurs fri
        ala ariz ark calif colo conn del fla ga kan ky md mich minn mo mont neb nev okla ore pa penn tenn tex va vt wis wyo
        inc corp co cos ltd llc plc bros assn assoc dept depts govt univ inst intl natl mfg
        ave blvd rd hwy pkwy bldg rte apt ste etc est dist eds a.k.a misc avg
        oz lb lbs kg km hr hrs yr yrs sq tel ext a.m p.m b.c a.d b.c.e
        u.s u.k u.n e.u d.c u.s.a u.a.e n.y l.a n.j n.h n.c s.c n.m n.d s.d w.va r.i p.o
        """
    )
)

#: Words that, with a capital, begin a sentence when they come after an abbreviation: they seldom begin a name.
STARTERS = _listed(
    """
    a after again all also although an and another any anyone as at because before both but by can could did do does during each
    either even every everyone few finally for from had has have he her here hers his how however i if in indeed instead it its
    just last later many maybe meanwhile more moreover most much my neither never nevertheless no nobody none nor not nothing now of
    often on once one only or others our over perhaps she should since so some someone soon still such that the their then there
    therefore these they this those though thus to today together two under unless until was we well were what whatever when
    whenever where whether which while who whoever why will with without would yes yesterday yet you your
    it's it’s he's he’s she's she’s that's that’s there's there’s they're they’re we're we’re you're you’re i'm i’m i've i’ve
    don't don’t didn't didn’t can't can’t what's what’s let's let’s
    """
)

#: Verbs that give a quotation to the name before them, as in “Will he go?” Orlov asked.
SPEECH_VERBS = _listed(
    """
    said says asked asks shouted shouts cried cries added adds replied replies yelled yells wondered wonders tweeted tweets wrote
    writes answered answers exclaimed exclaims demanded demands declared declares
    """
)
