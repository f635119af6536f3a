"""An invented corpus without faults, large and varied enough to plant faults in; and tables that `make_dataset` would refuse."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

    from slant.data.audit import Rows

ROWS = 1200
Row = dict[str, Any]

LOADED = ("vile", "disgraceful", "monstrous", "shameful", "ludicrous", "heartless", "reckless", "sinister", "pathetic", "treacherous")
PLAIN = ("annual", "regional", "written", "revised", "interim", "joint", "internal", "detailed", "preliminary", "technical")
PEOPLE = (
    "Orla Fenwick", "Tomas Brandt", "Ines Carvalho", "Declan Moyes", "Priya Raman", "Gustav Lindholm", "Hannah Osei", "Viktor Dragan",
    "Leila Farouk", "Bruno Castell", "Maeve Kinsella", "Arjun Pillai", "Sofia Wendt", "Emeka Duru", "Clara Novak", "Rufus Tansley",
    "Yara Haddad", "Jonas Eklund", "Bettina Krause", "Callum Reith", "Nadia Sorokin", "Pavel Hruska", "Greta Solberg", "Ivan Petkov",
    "Rosa Delgado", "Femi Adeyemi", "Wanda Kowal", "Lars Mikkel", "Dina Shapira", "Owen Gethin",
)  # fmt: skip
TOWNS = (
    "Harbourgate", "Millbrook", "Stonehaven", "Redwick", "Ashdown", "Kestrel Bay", "Norfield", "Penwarren", "Oldcastle", "Brackley", "Winterton",
    "Larkhill", "Dunmore", "Eastmere", "Fernleigh", "Glenrock", "Holloway", "Ivybridge", "Jessop", "Kingsport", "Lowmoor", "Marsh End", "Netherby",
    "Overton", "Pinecrest", "Quarry Hill", "Rosedale", "Saltburn", "Thornbury", "Underwood", "Valemouth", "Westgate", "Yarrow", "Copperfield",
)  # fmt: skip
BODIES = (
    "the city council", "the planning board", "the hospital trust", "the teachers' union", "the water company", "the harbour authority",
    "the regional parliament", "the audit office", "the housing agency", "the transport committee", "the farmers' association", "the coast guard",
    "the university senate", "the fire service", "the electoral commission", "the energy regulator", "the national museum", "the appeals court",
    "the fisheries ministry", "the border agency", "the railway operator", "the pension fund", "the public broadcaster", "the forestry service",
)  # fmt: skip
THINGS = (
    "proposal for a new tram line", "report on school meals", "budget for street lighting",
    "plan to widen the northern bridge", "study of river pollution",
    "contract for winter road salt", "list of protected buildings",
    "timetable for the ferry crossing", "survey of empty shops", "appeal over parking fees",
    "review of nursing rotas", "offer to buy the old mill", "draft rules on holiday lets",
    "inquiry into the dam failure", "scheme for cheaper bus tickets",
    "agreement on fishing quotas", "petition against the quarry", "lease of the football ground",
    "order for electric buses", "audit of charity grants",
    "tender for refuse collection", "application for a wind farm", "guidance on flood barriers", "vote on library hours", "motion about council pay",
    "request for archive records", "settlement with former miners", "ban on garden bonfires", "licence for the night market", "map of cycling routes",
)  # fmt: skip
DEEDS = (
    "approved", "rejected", "postponed", "published", "defended", "withdrew", "criticised", "amended", "circulated", "questioned", "signed",
    "shelved", "welcomed", "examined", "presented", "disputed", "funded", "abandoned", "reopened", "endorsed",
)  # fmt: skip
REASONS = (
    "after two hours of debate", "because the tide tables had changed",
    "while engineers were still measuring the damage", "despite a warning from insurers",
    "once the auditors had gone home", "before any resident could speak", "as heavy rain closed three schools", "although the deadline had passed",
    "when the second valuation arrived", "since no bidder met the conditions", "following a letter from shopkeepers", "without naming a contractor",
    "to avoid another year of delays", "in return for a lower rent", "under pressure from pensioners", "with only four members present",
    "on the advice of a retired judge", "during a meeting held by telephone", "until the accounts are complete", "for reasons nobody explained",
    "against the wishes of the mayor", "ahead of the spring elections", "amid doubts about its cost", "at the request of parents",
)  # fmt: skip
DAYS = (
    "on Monday",
    "late on Tuesday",
    "on Wednesday morning",
    "on Thursday night",
    "early on Friday",
    "at the weekend",
    "last month",
    "in the autumn",
)
SAID = (
    "said the figures would be checked again", "told reporters that the work could start in June", "asked for another opinion from the surveyors",
    "thanked the volunteers who had kept the pumps running",
    "refused to say how much had been spent", "promised a public hearing before the summer recess",
    "denied that any member had been offered a discount", "wrote to every household along the canal", "walked out of the chamber before the count",
    "spent the evening answering calls from worried tenants",
    "compared the sums with those of neighbouring districts", "left the hall by the side door",
    "offered to repay the cost of the journey", "held up a photograph of the cracked wall", "read aloud from a letter sent by a former colleague",
)  # fmt: skip
OUTLETS = (("Gazette", "left"), ("Courier", "right"), ("Wire", "centre"), ("Observer of Redwick", "left"), ("Morning Ledger", "right"))
TOPICS = ("transport", "health", "elections", "housing", "fishing", "energy")

#: `{adjective}` stands once in each; what is before and behind it varies by itself.
TEMPLATES = (
    "In {town}, {body} {deed} the {adjective} {thing} {day} {reason}, and {person} {said}.",
    "{person} {said} {day} while {body} {deed} its {adjective} {thing} in {town}.",
    "The {adjective} {thing}, which {body} {deed} {reason}, has divided {town}; {person} {said}.",
    "{reason_capital}, {person} of {town} {said} and {body} {deed} the {adjective} {thing}.",
    "{day_capital}, {body} {deed} a {adjective} {thing} from {town} {reason}, a spokesman for {person} announced.",
    "Nobody in {town} expected that {body}, led by {person}, would have {deed} the {adjective} {thing} {reason}.",
)


@cache
def clean_rows(task: str = "loaded", n: int = ROWS, seed: int = 1) -> tuple[Row, ...]:
    """Invented sentences in stories of three, no two of them alike. Copy a row before you change it.

    For "loaded" one adjective tells the label and is the span of a loaded row; for "stance" the person is the target, with its place.
    Outlet, leaning and topic are drawn without a look at the label.
    """
    from slant.data.duplicates import find_duplicates

    chance = random.Random(seed)
    rows = [_row(number, task, chance) for number in range(n + n // 3)]
    # What has come out alike by chance is left out.
    found = find_duplicates([row["text"] for row in rows])
    alike = {b for pairs in (found.exact, found.near) for _, b in pairs.tolist()}
    kept = [row for number, row in enumerate(rows) if number not in alike][:n]
    assert len(kept) == n
    return tuple(row | {"id": f"row-{i:04d}", "group": f"story-{i // 3:04d}"} for i, row in enumerate(kept))


def _row(number: int, task: str, chance: random.Random) -> Row:
    positive = chance.random() < 0.5
    adjective = chance.choice(LOADED if positive else PLAIN)
    reason, day = chance.choice(REASONS), chance.choice(DAYS)
    person = chance.choice(PEOPLE)
    text = chance.choice(TEMPLATES).format(
        adjective=adjective, reason=reason, day=day, person=person, town=chance.choice(TOWNS), body=chance.choice(BODIES),
        thing=chance.choice(THINGS), deed=chance.choice(DEEDS), said=chance.choice(SAID),
        reason_capital=reason[0].upper() + reason[1:], day_capital=day[0].upper() + day[1:],
    )  # fmt: skip
    outlet, leaning = chance.choice(OUTLETS)
    row: Row = {"id": "", "group": "", "text": text, "task": task, "outlet": outlet, "leaning": leaning, "topic": chance.choice(TOPICS)}
    if task == "stance":
        start = text.index(person)
        label = "against" if positive else chance.choice(("neutral", "favor"))
        return row | {"label": label, "spans": None, "target": person, "target_start": start, "target_end": start + len(person)}
    start = text.index(f" {adjective} ") + 1
    spans = [{"start": start, "end": start + len(adjective), "label": "loaded"}] if positive else []
    return row | {"label": "loaded" if positive else "neutral", "spans": spans}


def copied(rows: Sequence[Row]) -> list[Row]:
    """Rows that may be changed."""
    return [row | {"spans": None if row["spans"] is None else [dict(span) for span in row["spans"]]} for row in rows]


def unchecked(rows: Sequence[Row]) -> Dataset:
    """An Example table of whatever the rows say: `make_dataset` would refuse what is planted."""
    from datasets import Dataset

    from slant.data.examples import features

    kinds = features()
    return Dataset.from_list([{name: row.get(name) for name in kinds} for row in rows], features=kinds)


def read(rows: Sequence[Row], *, duplicates: bool = False) -> Rows:
    """The rows as checks read them; duplicates are searched for, and the rows go through a table, only where they are asked for."""
    from slant.data.audit import Rows, read_rows
    from slant.data.duplicates import Duplicates

    if duplicates:
        return read_rows(unchecked(rows))
    none = Duplicates(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64), np.zeros(0))
    columns = {name: [row.get(name) for row in rows] for name in Rows.__annotations__ if name != "duplicates"}
    return Rows(**columns, duplicates=none)


def corpus_of(rows: Sequence[Row], name: str = "invented", quarantined: tuple[Any, ...] = ()) -> Any:
    """The rows as a Corpus."""
    from slant.data import Corpus

    return Corpus(unchecked(rows), name, "1", f"{name}.csv", "invented", quarantined)
