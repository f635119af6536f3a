"""Targets and their mentions: golden cases from tests/cases/targets.json, the newsroom corpus, and what holds for any text."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import ConfigError
from slant.text import Mention, Target, find_mentions, find_targets, parse_target

ROOT = Path(__file__).parents[2]
#: "[Orlov](o)" in a text is a mention of the target under the key "o"; `main` is what find_targets should give, null for not asked.
CASES: list[dict[str, Any]] = json.loads((ROOT / "tests" / "cases" / "targets.json").read_text(encoding="utf-8"))
ROWS = [json.loads(line) for line in (ROOT / "data" / "newsroom" / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
TITLES = {"General", "King", "Judge", "Sister", "Dr", "Coach", "Archbishop"}

NAMES = ["Ilya Orlov", "Anna Orlov", "Civic Union", "Court of Audit", "border wall", "Rosa van der Berg", "J. K. Rowan", "Orlov", "Ada-Lu Brunn"]
PIECES = st.sampled_from(
    [
        *"aZ1.!?…\"'“”’()[]-—,:; \t\n\u2029\u00a0\u0301\u00ad🎉\ud800\0İ_",
        "\n\n", " the ", "The ", "'s ", "s' ", " Mr ", "President ", " in ", " of ", "Monday ", "(CU) ", "pro-", "-led ", " al-", " O’", "Street ",
        "Orlov", " Ilya", " Anna", " I. ", "Union", " Civic", " Court", " he ", "van der Berg", "Rowan ", " Brunn", "border wall", "ORLOV ",
    ]
)  # fmt: skip
TROUBLE = st.lists(PIECES, max_size=40).map("".join)


def marked(case: dict[str, Any]) -> tuple[str, list[Target], set[Mention]]:
    targets = {key: parse_target(option) for key, option in case["targets"].items()}
    text, position, mentions = "", 0, set()
    for match in re.finditer(r"\[([^\]]+)\]\((\w)\)", case["text"]):
        text += case["text"][position : match.start()]
        mentions.add(Mention(targets[match[2]].name, len(text), len(text) + len(match[1])))
        text, position = text + match[1], match.end()
    return text + case["text"][position:], list(targets.values()), mentions


def found(text: str, *options: str) -> list[tuple[str, str]]:
    return [(mention.target, text[mention.start : mention.end]) for mention in find_mentions(text, [parse_target(option) for option in options])]


def names(text: str, **options: int) -> list[str]:
    return [target.name for target in find_targets(text, **options)]


def articles() -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in ROWS:
        grouped.setdefault(row["article"], []).append(row)
    return grouped


def joined(rows: list[dict[str, Any]]) -> tuple[str, list[int]]:
    """An article as its headline and one paragraph, and where its sentences begin."""
    text, starts = "", []
    for number, row in enumerate(rows):
        text += "" if number == 0 else "\n\n" if number == 1 else " "
        starts.append(len(text))
        text += row["text"]
    return text, starts


def test_golden_mentions() -> None:
    assert len(CASES) >= 40
    hits = count = 0
    wrong = []
    for case in CASES:
        text, targets, gold = marked(case)
        mentions = set(find_mentions(text, targets))
        hits += len(mentions & gold)
        count += len(mentions) + len(gold)
        if mentions != gold:
            wrong.append(f"{case['name']}: {[(text[m.start : m.end], m.start) for m in mentions ^ gold]}")
    assert 2 * hits / count >= 0.97, wrong


def test_golden_targets() -> None:
    hits = count = 0
    wrong = []
    for case in CASES:
        if case["main"] is not None:
            main, gold = set(names(marked(case)[0])), set(case["main"])
            hits += len(main & gold)
            count += len(main) + len(gold)
            if main != gold:
                wrong.append(f"{case['name']}: {main ^ gold}")
    assert 2 * hits / count >= 0.97, wrong


def test_newsroom_mentions_that_hold_a_word_of_the_name() -> None:
    hits = count = 0
    missed = []
    for article, rows in articles().items():
        text, starts = joined(rows)
        for name in dict.fromkeys(stance["target"] for row in rows for stance in row["stances"] if stance["target"][0].isupper()):
            parts = {word for word in name.split() if word[0].isupper()} - TITLES
            mentions = find_mentions(text, [Target(name)])
            for row, start in zip(rows, starts, strict=True):
                for stance in row["stances"]:
                    words = set(re.findall(r"[\w'’-]+", row["text"][stance["start"] : stance["end"]]))
                    if stance["target"] == name and parts & {re.sub(r"['’]s?$", "", word) for word in words}:
                        count += 1
                        spans = (start + stance["start"], start + stance["end"])
                        hit = any(mention.start < spans[1] and spans[0] < mention.end for mention in mentions)
                        hits += hit
                        if not hit:
                            missed.append(f"{article}: {name}: {text[slice(*spans)]}")
    assert count > 1700
    assert hits / count >= 0.98, missed


def test_newsroom_mentions_stand_in_sentences_about_their_target() -> None:
    beside = count = 0
    for rows in articles().values():
        text, starts = joined(rows)
        annotated = {stance["target"] for row in rows for stance in row["stances"]}
        people = sorted(name for name in annotated if name[0].isupper())
        for mention in find_mentions(text, [Target(name) for name in people]):
            row = rows[max(number for number, start in enumerate(starts) if start <= mention.start)]
            count += 1
            beside += all(stance["target"] != mention.target for stance in row["stances"])
    assert beside / count <= 0.04


@pytest.mark.parametrize(
    ("text", "option", "expected"),
    [
        ("President Ilya Orlov left.", "Ilya Orlov", ["Ilya Orlov"]),
        ("Mr Orlov, the pro-Orlov crowd, Orlov-led talks and Orlov’s car.", "Ilya Orlov", ["Orlov"] * 4),
        (
            "He spoke. The president left when he did; THE PRESIDENT'S car.",
            "Ilya Orlov=the president,he",
            ["He", "The president", "he", "THE PRESIDENT"],
        ),
        ("orlov ORLOV Orlovs Orlova Orlov\u0301 O'Orlov Orlov_", "Orlov", ["Orlov"]),
        ("the he-man, she and cohe", "Orlov=he", []),
        ("Orlov Street, the Orlov Foundation and Anna Orlov.", "Ilya Orlov", []),
        ("Sean O’Brien and O'Brien.", "Sean O'Brien", ["Sean O’Brien", "O'Brien"]),
        ("Ilya \t Orlov", "Ilya  Orlov", ["Ilya \t Orlov"]),
        ("We met Ilya\n\nOrlov left.", "Ilya Orlov=Ilya Orlov left", ["Orlov"]),
        ("The C++ court of the U.S. and U.S.-backed C.", "C++=U.S.", ["C++", "U.S.", "U.S."]),
        ("Owen Tate-Lunn spoke to Lunn.", "Lunn", ["Lunn"]),
        ("In the end Grace Park won. Park beat Stone in the park.", "Grace Park", ["Grace Park", "Park"]),
        ("The Border Guard came. Guard dogs barked at the Guard.", "Border Guard", ["Border Guard", "Guard"]),
        ("Nobody.", "Ilya Orlov", []),
        ("", "Ilya Orlov", []),
    ],
)
def test_mentions(text: str, option: str, expected: list[str]) -> None:
    assert [mention for _, mention in found(text, option)] == expected


def test_a_shared_surname_is_theirs_who_were_named_last() -> None:
    text = "Orlov. Ilya Orlov came. Orlov sat. Anna Orlov came. Orlov sat. Ilya Orlov spoke. Orlov left."
    assert [target for target, _ in found(text, "Ilya Orlov", "Anna Orlov")] == ["Ilya Orlov"] * 2 + ["Anna Orlov"] * 2 + ["Ilya Orlov"] * 2
    assert [mention for _, mention in found(text, "Ilya Orlov")] == ["Ilya Orlov", "Orlov", "Ilya Orlov", "Orlov"]
    assert found("Orlov left.", "Ilya Orlov", "Anna Orlov") == []
    assert found("Ilya Orlov left. Orlov cried.", "Ilya Orlov", "Anna Orlov")[1] == ("Ilya Orlov", "Orlov")
    titled = "President Ilya Orlov met Anna Orlov. President Orlov smiled."
    assert [target for target, _ in found(titled, "Ilya Orlov", "Anna Orlov")] == ["Ilya Orlov", "Anna Orlov", "Ilya Orlov"]


def test_the_longest_stays_and_then_the_first_given() -> None:
    assert found("The Civic Union Youth met.", "Civic Union", "Civic Union Youth") == [("Civic Union Youth", "Civic Union Youth")]
    assert found("The mayor met.", "Orlov=the mayor", "Grau=the mayor") == [("Orlov", "The mayor")]
    assert found("The mayor met.", "Grau=the mayor", "Orlov=the mayor") == [("Grau", "The mayor")]
    assert found("Orlov met.", "Orlov", "Orlov") == [("Orlov", "Orlov")]
    assert found("The mayor of Varn met.", "Orlov=the mayor,the mayor of Varn") == [("Orlov", "The mayor of Varn")]


def test_blank_and_endless_names_are_not_found() -> None:
    assert find_mentions("A text. ", [Target(""), Target("  ", ("", " ")), Target("a " * 400), Target("\ud800\0")]) == []
    assert find_mentions("Orlov", []) == []


def test_parse_target() -> None:
    assert parse_target("Orlov") == Target("Orlov")
    assert parse_target(" Ilya  Orlov = the president, he ,he") == Target("Ilya Orlov", ("the president", "he"))
    assert parse_target("A=B=C") == Target("A", ("B=C",))


@pytest.mark.parametrize(
    "option", ["", " ", "=", "=he", "Orlov=", "Orlov= ", "Orlov=he,", "Orlov=,he", "Orlov=he, ,she", "x " * 31, "Orlov=" + "x " * 31]
)
def test_what_is_no_target(option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_target(option)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_find_targets_ranks_by_mentions_and_then_by_place() -> None:
    text = "Ilya Orlov met Anna Grau and Petra Lind. Grau left. Lind stayed. Grau came back. Orlov slept. Theo Mandel was away."
    assert names(text) == ["Anna Grau", "Ilya Orlov", "Petra Lind"]
    assert names(text, most=1) == ["Anna Grau"]
    assert names(text, least=3) == ["Anna Grau"]
    assert names(text, least=1)[-1] == "Theo Mandel"
    assert names(text, most=0) == names("") == []


def test_find_targets_tells_acronyms_and_leaves_out_what_is_no_name() -> None:
    text = "The Public Health Office (PHO) and the French met on Monday. In May the PHO fined Monday's French guests. I said so, and I meant it."
    assert find_targets(text) == [Target("Public Health Office", ("PHO",))]


def test_what_is_found_can_be_looked_for() -> None:
    for case in CASES:
        text = marked(case)[0]
        targets = find_targets(text)
        assert {mention.target for mention in find_mentions(text, targets)} == {target.name for target in targets}


def assert_sound(text: str) -> None:
    targets = [Target(name, ("he", "The Union")) for name in NAMES]
    mentions = find_mentions(text, targets)
    for mention in mentions:
        assert 0 <= mention.start < mention.end <= len(text)
        part = text[mention.start : mention.end].replace("’", "'")
        assert part == part.strip()
        known = set(re.findall(r"\w+", mention.target.lower())) | {"he", "the", "union", "i", "cu", "a", "al", "o", "z", "s"}
        assert any(word in known for word in re.findall(r"\w+", part.lower())), part
    assert all(first.end <= second.start for first, second in pairwise(mentions))
    main = find_targets(text, least=1)
    assert len(main) <= 10
    assert len({target.name for target in main}) == len(main)
    assert all(target.name for target in main)


@given(st.text(st.characters()))
def test_any_text(text: str) -> None:
    assert_sound(text)


@given(TROUBLE)
def test_names_and_marks_in_any_order(text: str) -> None:
    assert_sound(text)


@given(TROUBLE, st.lists(TROUBLE, max_size=4))
def test_any_target(text: str, options: list[str]) -> None:
    mentions = find_mentions(text, [Target(option, tuple(options)) for option in options])
    assert all(0 <= mention.start < mention.end <= len(text) and mention.target in options for mention in mentions)
    assert all(first.end <= second.start for first, second in pairwise(mentions))


@given(TROUBLE)
def test_any_option(option: str) -> None:
    try:
        target = parse_target(option)
    except ConfigError:
        return
    assert all(part and part == part.strip() for part in (target.name, *target.aliases))


def steps(call: Callable[[], object]) -> int:
    """How many lines and calls of Python `call` runs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "piece", ["Orlov ", "Ilya Orlov left. ", "A. ", "Aa-", "in A. ", "the ", "(CU) ", "A's ", "de ", '"', "N{} Orlov left. ", "Ilya S{} left. "]
)
def test_work_grows_with_the_text_and_no_faster(piece: str) -> None:
    def work(times: int) -> int:
        text = "".join(piece.format(chr(0x4E00 + number)) for number in range(times))
        return steps(lambda: (find_mentions(text, [Target("Ilya Orlov"), Target("Anna Orlov"), Target("a " * 20)]), find_targets(text)))

    work(10)
    assert work(800) < 6 * work(200)


def test_work_does_not_grow_with_the_number_of_targets() -> None:
    text = "Ilya Orlov met the mayor. Orlov left. " * 50
    few, many = ([Target(f"First{number} Last{number}", (f"the n{number}",)) for number in range(count)] for count in (1, 500))
    find_mentions(text, few)
    setup = steps(lambda: find_mentions("", many))
    assert steps(lambda: find_mentions(text, many)) - setup < 1.5 * steps(lambda: find_mentions(text, few))


def test_many_targets_with_one_surname() -> None:
    people = [Target(f"N{chr(0x4E00 + number)} Orlov") for number in range(500)]
    text = " ".join(f"{target.name} left. Orlov cried." for target in people)
    assert [mention.target for mention in find_mentions(text, people)] == [target.name for target in people for _ in range(2)]
