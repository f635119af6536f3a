"""Word lists that tell names from other words with a capital. All are in lower case."""

from __future__ import annotations

from slant.text import abbreviations, speech
from slant.text.speech import listed

__all__ = [
    "BODY_HEADS",
    "CONNECTORS",
    "FIRM_HEADS",
    "FUNCTION",
    "GENERIC",
    "HONORIFICS",
    "NATIONAL",
    "PLACE_BEFORE",
    "PREFIXES",
    "SUFFIXES",
    "SURNAMES_TOO",
    "UNSAID",
    "is_national",
]

#: Titles that stand before a name and are no part of it.
HONORIFICS = abbreviations.TITLES | listed(
    """
    abbess abbot admiral alderman ambassador archbishop attorney aunt ayatollah baron baroness bishop brigadier brother cabinet canon captain
    cardinal ceo cfo chair chairman chairperson chairwoman chancellor chief coach colonel commandant commander commissioner comrade
    congressman congresswoman constable consul corporal councillor councilman councilwoman councilor count countess crown dame deacon dean
    delegate deputy detective director doctor duchess duke earl emir emperor empress ex-president father first-lady general governor imam
    infanta inspector judge junior justice king lady lance leader lieutenant lord madam magistrate major manager marshal master mayor mep
    minister miss mister monsignor mother mp msp mullah nurse officer ombudsman pastor patriarch pope preacher prefect premier president
    president-elect priest prime prince princess principal private professor prosecutor provost queen rabbi rear rector representative
    reverend saint secretary senator sergeant sheikh sheikha sheriff sir sister speaker st sultan superintendent taoiseach treasurer tsar
    uncle undersecretary vicar vice vice-president viceroy warden
    """
)

#: After a name's last word: "Osric IV", "Ilya Orlov Jr".
SUFFIXES = listed("jr sr esq ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi phd md qc kc mbe obe cbe")

#: What names of firms end in; news leaves it out: "Northgate" for "Northgate Energy".
FIRM_HEADS = listed(
    """
    airlines airways capital chemicals clinics company consortium corp corporation dairies developments electric electronics energy
    engineering entertainment estates express facades farms finance foods forestry gas group health healthcare holding holdings homes hotels
    inc industries insurance international labs laboratories limited logistics ltd metals mills mining minerals motors networks oil partners
    petroleum pharma pharmaceuticals plc power properties rail railways relief resources robotics semiconductors services shipping software
    solutions steel steelworks stores supermarkets systems technologies technology telecom telecoms textiles timber tobacco transport ventures
    water works
    """
)

#: What names of organisations, laws and firms end in.
BODY_HEADS = (
    FIRM_HEADS
    | speech.BODIES
    | listed(
        """
    academy accord act administration airlines airport airways archive army arsenal bill bridge brigade broadcasting brotherhood cathedral
    centre center charter choir church churches circle clinic clinics code college commons communities company consortium constitution
    corporation corps council cup daily department diocese directorate district division energy exchange express facility faculty fair
    family federation festival festivals field fleet foods forest foundry games gazette guard guards herald holdings holding hospital hotel
    house housing hub industries initiative inquiry inspectorate institution insurance journal kitchen lab laboratories laboratory library
    lodge logistics mail market media mill mills mine mines mission monastery monitor mosque motors museum navy news observatory observer
    office oil olympics orchestra order pact palace park parliamentary partners partnership petroleum pharmaceuticals pharmacy pier plan plant
    port ports post power prefecture press prison programme program project projects property protocol publishing quarterly rail railway
    railways regiment register registry report republic research review river road ruling school schools secretariat section senate series
    services shipping shipyard shipyards sisters solutions square stadium standard station steel steelworks store stores street studio studios
    summit sun symposium synagogue synod systems taskforce tax team technologies technology telegraph telecom television temple theatre
    theater times tower trades transit transport transportation treaty tribunal tribune trusts tv unit united unions utilities water waterworks
    week weekly works workers workshop yard
    """
    )
)

#: Of these, what is as often a surname: only an article tells which it is.
SURNAMES_TOO = listed(
    "park house bridge field fields forest forests post guard fair week bill temple mills mill lodge market street yard bank press order"
)

#: Between a body's head and the rest of its name: "Bank of Lorrace", "Ministry for the Environment".
CONNECTORS = listed("of for")

#: Short prefixes that hyphens join to a name without making it another name.
PREFIXES = listed("pro anti post pre ex non un mid neo semi arch ultra trans inter intra quasi pseudo co sub super re")

#: Directly before a place, and seldom before somebody.
PLACE_BEFORE = listed("in at near outside inside across around within throughout into north south east west downtown central")

#: Words with a capital that never are a name by themselves: they do not need a place at a sentence's start for their capital.
UNSAID = (
    speech.DAYS
    | listed("i i'm i've i'd i'll ok okay tv dvd pdf bbc1 am pm faq id god lord christ heaven internet web xmas easter ramadan passover")
    | listed("monday's sunday's o o'clock north south east west northern southern eastern western covid-19 covid majesty highness excellency honour")
)

#: Words of grammar: a capital at a sentence's start says nothing, and inside one they belong to titles of works.
FUNCTION = (
    (speech.STOPS - speech.MONTHS - listed("will"))
    | speech.PRONOUNS
    | speech.DETERMINERS
    | speech.INDEFINITE
    | speech.SUBJECTS
    | listed("not no yes if as and or but than then that this who him her us me your my our its mine yours hers ours theirs more most less fewer")
    | listed("such same own very much many several either neither nor every each none let let's please thanks thank hello dear hey oh ah")
)

_ADJECTIVES = listed(
    """
    able absent absurd additional aggressive alleged ambitious ancient angry another anxious armed ashamed asleep average awful bad bare basic
    beautiful big bitter black blind bold bright brave brief broken brutal busy calm careful cautious central cheap cheerful civil clean clear
    clever close cold common complete constant corrupt courageous critical cruel current dangerous dark dead decent deep defiant desperate
    different difficult dirty disgraced double early eager easy elderly elected embattled empty enough entire equal exact exhausted extra fair
    faithful false famous fast fatal fellow fewer fierce final fine firm flat foreign former fortunate free french fresh frequent friendly full
    further furious future gentle global good grand grave great greedy green grim half happy hard heavy high historic honest hot huge human
    humble hundred ill illegal important impossible incumbent independent injured innocent interim international joint key large last late
    latest lawful lazy left legal less like little local lone long loud loyal mad main mass massive mere mild military million minor modern
    moderate moral national natural near new next nice noble normal notorious obvious odd official old older only open opening ordinary other
    outgoing outraged outspoken overnight own past patient peaceful perfect permanent plain pleased political poor popular possible powerful
    present previous private proper proud public quick quiet rapid rare raw ready real recent red regional religious remote responsible rich
    right rival rough royal rural sad safe second secret senior separate serious severe sharp short shy sick silent similar simple single slow
    small smart social soft solid sorry special stern strange strict strong stubborn sudden sure tall temporary tender terrible thick thin
    third tiny tired top total tough tragic true typical ugly united unknown unlike unpopular unusual urban urgent usual veteran vital warm
    weak wealthy wet whole wide widespread wild wise worse worst wounded wrong young younger
    """
)
_NOUNS = listed(
    """
    abuse account activists advice aid allies analysis analysts anger article asylum attack audience author authorities ban banks bill bishops
    blame board bosses breaking budget builders business campaign campaigners canteen care cars case charges charity chapter children church
    citizens class clause climate clubs colleagues comment comments commuters companies concern construction corruption costs couples court
    courts crime critics crowds customers damage data day days death deaths debate debt defeat defenders delegates demand democracy deputies
    detectives diplomats doctors dockers donors drivers east economists editor editorial editors education elections employers energy engineers
    episode europe events everyone evidence exclusive experts exports faith families fans farmers fear fears fellow figure figures firefighters
    firms flood floods food forecasters friends fuel funding gas government group growers growth guards guests headline health help history
    homes hospitals hours housing images immigration imports inflation insiders insurers interest investigators investors jobs judges justice
    kids labour law lawmakers lawyers leaders letter lines live lives local locals love luck managers margin market markets matters medics
    members men migrants ministers ministry money months mothers motorists music neighbours news nobody north note nothing number numbers
    nurses observers officers officials oil opinion opponents opposition organisers organizers ours outsiders owners pages parents parliament
    part parties party passengers patients pay peace pensioners people phase photo photographs picture pictures plans players point police
    politics polls power praise prayers press pressure prices prison prisoners profits proof prosecutors protest protesters protests public
    pupils question questions rail rain ratings readers reason record refugees relations relatives renters repairs reporters reports rescuers
    residents rest results reuters rivals roads room rule rules rumours sales samples schools science scientists section security sentence
    series shares ships shoppers shops side sign silence snow soldiers sources south spectators speech spokesman staff state statement states
    step stocks storm story strike strikers students summer sunlight supporters survivors talks taxpayers taxes teachers teenagers tenants
    tests thousands threats tickets time times tonnes tourists towns trade traders traffic trains transport travellers treatment trial troops
    truth turnout unions update us users victims video viewers villagers violence visitors volunteers voters votes wages war wardens warnings
    watch water ways weather week weeks west winter witnesses women words work workers years youth zone
    dozens hundreds scores millions plenty nights mornings evening morning noon midnight dawn dusk autumn spring ninety twenty thirty forty
    fifty sixty seventy eighty four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
    finance interior home defence defense environment treasury transport foreign agriculture culture tech
    fourth fifth sixth seventh eighth ninth tenth hundred thousand billion nearly roughly barely hardly
    """
)

#: Common words that open sentences: with a capital there they are a name only if another place of the text says so.
GENERIC = (
    abbreviations.STARTERS | speech.SAY | speech.JUDGE | speech.OCCUPATIONS | speech.SPEECH_NOUNS | speech.WORKS | speech.ADVERBS
    | (speech.BODIES - listed("parliament congress")) | _ADJECTIVES | _NOUNS
)  # fmt: skip

#: Adjectives of nations that their ending does not give away.
NATIONAL = listed(
    """
    french dutch german greek swiss thai czech iraqi israeli saudi pakistani afghan kuwaiti qatari emirati omani yemeni bangladeshi nepali
    somali filipino uzbek kazakh tajik turkmen kyrgyz uighur kurdish arab slovak croat serb welsh icelandic cypriot argentine latino hispanic
    soviet nordic slavic baltic balkan islamic catholic orthodox protestant muslim jewish hindu buddhist sikh sunni shia shiite republican
    democrat democratic liberal conservative socialist communist tory western african asian american european
    """
)
_NATIONAL_ENDINGS = ("ian", "ians", "ean", "eans", "ese", "ish", "ican", "icans", "alan")


def is_national(word: str) -> bool:
    """Whether a word in lower case looks like the adjective of a nation or a faith: "dravinian", "polish", "french"."""
    return word in NATIONAL or (len(word) > 5 and word.endswith(_NATIONAL_ENDINGS))
