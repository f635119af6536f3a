"""Word lists that tell who speaks: verbs of speech and of judgement, and the small words between which names stand."""

from __future__ import annotations

import re

__all__ = [
    "ABSTRACT",
    "ADVERBS",
    "ARTICLES",
    "BASES",
    "BE",
    "BODIES",
    "CONJUNCTIONS",
    "DAYS",
    "DETERMINERS",
    "FINITE",
    "HAVE",
    "INDEFINITE",
    "JUDGE",
    "MENTIONS",
    "MODALS", "MONTHS",
    "OCCUPATIONS",
    "PARTICLES",
    "PREPOSITIONS",
    "PRONOUNS",
    "RELATIVES",
    "SAY",
    "SPEECH_NOUNS",
    "STOPS",
    "SUBJECTS",
    "WEAK",
    "WORKS", "listed",
]  # fmt: skip


def listed(words: str) -> frozenset[str]:
    """The words of `words`, which white space parts."""
    return frozenset(words.split())


_DOUBLES = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")
_ALSO_DOUBLED = listed("admit commit rebut label signal quip demur concur infer refer")


def _forms(verbs: str) -> frozenset[str]:
    """Every form of regular verbs, and of some a form too many; irregular ones stand in full where they are listed."""
    forms: set[str] = set()
    for verb in verbs.split():
        stem = verb[:-1] if verb.endswith("e") else verb
        if _DOUBLES.fullmatch(verb) or verb in _ALSO_DOUBLED:
            forms |= {verb + verb[-1] + "ed", verb + verb[-1] + "ing"}
        if verb.endswith("y") and verb[-2] not in "aeou":
            forms |= {verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"}
        else:
            ending = "es" if verb.endswith(("s", "sh", "ch", "x")) else "s"
            forms |= {verb, verb + ending, stem + "ed", stem + "ing"}
    return frozenset(forms)


#: Verbs that report speech: they may follow a quotation, stand before their subject, and take a clause.
SAY = _forms(
    """
    accept acknowledge add admit advise affirm agree allege announce answer argue ask assert assure aver bark bawl bellow bemoan bleat
    bluster boast bray breathe bristle bellyache cackle carp caution chant chide chime chuckle claim clarify comment complain concede
    conclude confess confide confirm contend continue coo correct counter crow cry declare demand deny disclose drawl elaborate emphasise
    emphasize enthuse estimate exclaim explain exult fret froth fume fulminate gasp gloat groan growl grumble grunt gush heckle hint hiss
    holler howl imply inform insinuate insist instruct interject intone joke jeer lament lecture maintain moan mention message mumble murmur
    mutter muse note object observe offer opine order plead pledge point predict preach proclaim promise pronounce propose protest purr quip
    rage rail rant rasp reason reassure recall reckon recount reflect reiterate remark remind remember repeat reply report request respond
    restate retort reveal roar scoff scold scream screech shout shriek sigh signal smirk snap snarl sneer sniff sniffle sob specify splutter
    squeal stammer state stress suggest tease testify threaten thunder trumpet tweet urge volunteer vow wail warn whimper whine whisper
    whoop wonder yell bluster joke post stipulate remonstrate underline shrug grin nod laugh smile hoot sob demur concur summarise summarize
    """
) | listed(
    """
    say says said saying tell tells told telling write writes wrote written writing think thinks thought believe believes believed hold
    holds held speak speaks spoke spoken swear swears swore sworn quip quips quipped quipping beg begs begged begging read reads reading
    feel feels felt go goes went put puts sum sums summed regret regrets regretted regretting find finds found hear hears heard spit spits
    spat rule rules ruled ruling weep weeps wept
    """
)

#: Verbs that name or judge: with a quotation near them they report speech.
JUDGE = _forms(
    """
    accuse applaud assail attack backhand belittle berate blame blast brand call cast castigate celebrate censure champion characterise
    characterize cheer cite commend compare compliment condemn congratulate credit criticise criticize decry defend define demean demonise
    denigrate denounce deplore depict deride describe diagnose disdain dismiss disparage evoke excoriate fault flay greet hail herald
    identify indict invoke judge label lambast lambaste laud lay liken lionise lionize mock name paint pan pillory portray praise quote rail
    ridicule salute savage scorn skewer slate style sum tag taunt term thank toast tout trash treat vilify view welcome weigh want expect
    back blame seek
    """
) | listed(
    """
    dub dubs dubbed dubbing slam slams slammed slamming rip rips ripped ripping see sees saw seen slag slags slagged refer refers referred
    referring rap raps rapped see sees saw talk talks talked talking bash bashes bashed hit hits commit commits committed pan pans panned
    panning tear tears tore torn
    """
)

#: Verbs of the lists above in the form that may as well be a noun.
BASES = frozenset(verb for verb in SAY | JUDGE if not verb.endswith(("s", "ed", "ing"))) - listed(
    "said told wrote written thought held spoke spoken swore sworn felt went saw seen found tore torn put read hit spoke began paint"
)
#: Verbs that report speech only where no other verb does.
WEAK = listed(
    """
    read reads reading feel feels felt go goes went put puts see sees saw seen find finds found hit hits begin hold holds held think thinks
    hear hears heard thought believe believes believed want wants wanted wanting expect expects expected expecting back backs backed backing
    seek seeks sought seeking blame commit commits committed tear tears tore talk talks talked name names named view views viewed weigh
    weighs weighed treat treats treated reflect reflects reflected remember remembers remembered accept accepts accepted answer recall learn
    follow point points pointed reveal reveals revealed state imply implies implied signal signals signalled
    """
)

BE = listed("is are was were be been being am 's isn't wasn't aren't weren't get gets got getting isn’t wasn’t aren’t weren’t")
HAVE = listed("has have had having hasn't haven't hadn't hasn’t haven’t hadn’t")
MODALS = listed(
    """
    will would can could may might must shall should do does did cannot can't couldn't won't wouldn't don't doesn't didn't shan't shouldn't
    mustn't can’t couldn’t won’t wouldn’t don’t doesn’t didn’t shan’t shouldn’t mustn’t
    """
)
#: Finite verbs of every clause: one of them after a verb of speech shows that a clause is reported.
FINITE = MODALS | HAVE | (BE - listed("be been being get gets got getting 's"))

ADVERBS = (
    listed(
        """
    also later still then now never ever again once often soon already almost always even just only not once twice first further meanwhile
    today yesterday tonight tomorrow afterwards afterward elsewhere instead too recently earlier thus therefore nevertheless nonetheless
    however moreover indeed perhaps maybe here there yet so back right away long flatly rather
    """
    )
    | MODALS
)

PREPOSITIONS = listed(
    """
    about above across after against along alongside amid among around as at because before behind below beneath beside besides between
    beyond by despite down during except following for from in inside into like near of off on onto out outside over past per since than
    through throughout till to toward towards under underneath until up upon via with within without
    """
)
CONJUNCTIONS = listed("and but or nor yet so while whereas although though because if unless when whenever where wherever once")
RELATIVES = listed("who whom whose which that what whatever whoever how why whether")
PRONOUNS = listed("he she they it")
SUBJECTS = PRONOUNS | listed("i we you who they some others many most all both")
#: Words that stand for a speaker whom nothing names.
INDEFINITE = listed(
    """
    i we you one another other others some many most all everyone everybody nobody someone somebody none anyone anybody few both each this
    that these those who there another's me us him her them nothing everything something people
    """
)
ARTICLES = listed("the a an")
DETERMINERS = ARTICLES | listed("his her its their our my your this these those one another some any each every no both several two three")
DAYS = listed(
    """
    monday tuesday wednesday thursday friday saturday sunday january february july september october november december tue tues wed thu
    thur thurs fri feb sept oct nov christmas
    """
)
#: Months that are names of people, too.
MONTHS = listed("march april may june august")
PARTICLES = listed("de da do dos das di del della der den van von ten ter la le les al el bin ibn bint y e af av zu du")
STOPS = PREPOSITIONS | CONJUNCTIONS | RELATIVES | FINITE | HAVE | BE | (ADVERBS - listed("first right long back"))

#: What names of organisations end in.
BODIES = listed(
    """
    agency alliance army assembly association authority bank board bureau chamber club coalition college commission committee company
    conference congress corporation council court department federation force forum foundation front fund government group guild institute
    league ministry movement network office organisation organization parliament party police service society trust union university
    """
)
#: Before a name at a sentence's start these have a capital without being part of it.
OCCUPATIONS = listed(
    """
    activist actor actress analyst author baker banker barrister butcher campaigner carpenter chairman chairwoman chairperson chaplain
    chemist columnist commuter consultant councilman critic cyclist defender dentist director driver economist editor electrician engineer
    ex-minister farmer firefighter fisherman fishmonger forester goalkeeper grocer headmaster headmistress headteacher historian hotelier
    investigator journalist lawyer leader local manager mechanic midfielder midwife miner musician neighbour neighbor nurse owner painter
    paramedic passenger pensioner pharmacist photographer pilot plumber poet porter president-elect protester psychologist researcher
    resident restaurateur retiree sailor scientist shopkeeper singer skipper solicitor spokesman spokesperson spokeswoman stationmaster
    striker student surgeon survivor teacher trader trainer tutor veteran vet villager volunteer winemaker witness worker writer opposition
    union plaintiff
    """
)

#: Nouns whose content is somebody's words, as in "Orlov's claim that".
SPEECH_NOUNS = listed(
    """
    account accusation advice allegation answer appeal argument assertion assessment assurance boast call claim comment complaint conclusion
    confession criticism declaration demand denial denunciation description email explanation insistence interview lament letter memo
    message note phrase plea pledge post prediction promise proposal quip remark reply report request response retort speech statement
    suggestion testimony threat tweet verdict view vow warning words word phrase wording
    """
)
#: Nouns of works, whose titles stand in marks.
WORKS = listed(
    """
    album anthem article aria ballad band blog book booklet boat brochure canvas card cartoon chapter collection column comedy comic
    composition concerto documentary drama drawing duet episode epic essay exhibit exhibition fable fairytale ferry film flick game hit hymn
    lyric magazine manifesto melodrama memoir memoirs monograph movie mural musical newsletter novel novella opera operetta painting
    pamphlet paper photograph picture piece play podcast poem portrait poster programme program remake revue satire sculpture sequel series
    serial ship show single sitcom sketch soap song sonata sonnet soundtrack statue story study symphony tale thriller titled track trilogy
    tune video volume vessel waltz yacht
    """
)
#: Words after which marks mention a word, a name or a notice instead of quoting anybody.
MENTIONS = listed(
    """
    so-called self-styled self-described self-proclaimed so-named supposed titled entitled nicknamed codenamed code-named subtitled marked
    named word term expression nickname title pseudonym alias stamped headed password acronym adjective noun verb letters christened
    """
)
#: What "according to" may name without naming a speaker.
ABSTRACT = listed("plan plans schedule law rule rules custom tradition size need needs taste type age season protocol script merit ability order")
