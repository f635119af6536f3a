"""Suites of probes: the shipped one is what it says, expansion is the same everywhere, and a wrong file is told in one line."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slant.data.corpus import data_folder
from slant.data.probe_text import PERTURBATIONS, alternatives, fill, read_marks
from slant.data.probes import KINDS, ProbeCase, Suite, read_suite
from slant.errors import DataError
from slant.records import ScoreItem

HEAD = {"name": "own", "version": "3", "lexicons": {"person": ["Ann Oake", "Ben Pyle", "Cy Reed"], "town": ["Easthaven", "Fordley"]}}


def write(folder: Path, cases: list[dict[str, Any]], *, task: str = "loaded", kind: str = "minimum", file: str = "a.yaml", **more: Any) -> Path:
    (folder / "suite.yaml").write_text(yaml.safe_dump(HEAD), encoding="utf-8")
    (folder / file).write_text(yaml.safe_dump({"task": task, "kind": kind, "cases": cases, **more}, sort_keys=False), encoding="utf-8")
    return folder


def read(folder: Path, *cases: dict[str, Any], **more: Any) -> Suite:
    return read_suite(write(folder, list(cases), **more))


def texts(cases: tuple[ProbeCase, ...]) -> list[list[str]]:
    return [[item.text for item in case.items] for case in cases]


# --- the shipped suite


@pytest.fixture(scope="module")
def shipped() -> Suite:
    return read_suite()


def test_the_shipped_suite_has_enough_of_every_kind(shipped: Suite) -> None:
    cases = Counter((case.task, case.kind) for case in shipped.cases)
    alone: dict[tuple[str, str], set[str]] = defaultdict(set)
    for case in shipped.cases:
        if "template" not in case.base:
            alone[case.task, case.kind].add(case.base)
    loaded, stance = set(KINDS) - {"direction", "target_swap"}, set(KINDS) - {"injection", "neutralisation"}
    assert set(cases) == {("loaded", kind) for kind in loaded} | {("stance", kind) for kind in stance}
    assert min(cases.values()) >= 60 and min(map(len, alone.values())) >= 25


def test_the_shipped_suite_shares_no_sentence_with_the_shipped_corpus(shipped: Suite) -> None:
    rows = (data_folder() / "newsroom" / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    corpus = {json.loads(row)["text"].casefold() for row in rows}
    assert not corpus & {item.text.casefold() for case in shipped.cases for item in case.items}


def test_every_shipped_target_stands_where_its_offsets_say(shipped: Suite) -> None:
    for case in shipped.cases:
        for item in case.items:
            assert (item.target is None) == (case.task == "loaded")
            if item.target is not None:
                assert item.target_start is not None and item.text[item.target_start : item.target_end].casefold() == item.target.casefold(), case.id
            assert item.text[0] in "\"“'‘" or item.text[0].isupper() or "lower_case" in case.id, case.id
            assert item.text.strip() == item.text and "  " not in item.text and item.text[-1] in ".!?", case.id


# --- expansion


def test_slots_are_filled_side_by_side(tmp_path: Path) -> None:
    suite = read(tmp_path, {"id": "t", "text": "<person> met <person2> in <town>.", "expect": "neutral"})
    made = [text for [text] in texts(suite.cases)]
    assert made == ["Ann Oake met Ben Pyle in Easthaven.", "Ben Pyle met Cy Reed in Fordley.", "Cy Reed met Ann Oake in Easthaven."]
    assert [case.id for case in suite.cases] == ["t.1", "t.2", "t.3"] and {case.base for case in suite.cases} == {"t"}


def test_a_pair_is_read_both_ways(tmp_path: Path) -> None:
    suite = read(tmp_path, {"id": "p", "text": "The {|vile }{plan|plot} was read."}, kind="pair")
    into, out = suite.cases
    assert (into.kind, texts((into,)), into.expect) == ("injection", [["The plan was read.", "The vile plot was read."]], ("neutral", "loaded"))
    assert (out.kind, out.items, out.expect) == ("neutralisation", into.items[::-1], ("loaded", "neutral"))
    assert into.base == out.base and into.detail == out.detail == "word added"


def test_an_invariance_varies_one_thing_at_a_time(tmp_path: Path) -> None:
    cases = [
        {"id": "n", "text": "<person> left <town>.", "change": "names", "swap": "person"},
        {"id": "q", "text": '"It isn\'t so," he said.', "change": "quotes", "perturb": ["curly_quotes", "single_quotes", "upper_case"]},
        {"id": "t", "text": "The {vote|voet|vtoe} is on.", "change": "typos"},
    ]
    found = read(tmp_path, *cases, kind="invariance").cases
    assert texts(found) == [
        ["Ann Oake left Easthaven.", "Ben Pyle left Easthaven."],
        ["Ann Oake left Easthaven.", "Cy Reed left Easthaven."],
        ['"It isn\'t so," he said.', "“It isn’t so,” he said."],
        ['"It isn\'t so," he said.', "'It isn't so,' he said."],
        ['"It isn\'t so," he said.', '"IT ISN\'T SO," HE SAID.'],
        ["The vote is on.", "The voet is on."],
        ["The vote is on.", "The vtoe is on."],
    ]
    assert [case.detail for case in found] == ["names"] * 2 + ["quotes"] * 3 + ["typos"] * 2


def test_stance_cases_ask_for_the_marked_target(tmp_path: Path) -> None:
    [direction] = read(tmp_path, {"id": "d", "text": "[{Mr|Mrs} Ode] {is|is not} fit.", "change": "negation"}, task="stance", kind="direction").cases
    assert direction.items == (ScoreItem("Mr Ode is fit.", "Mr Ode", 0, 6), ScoreItem("Mrs Ode is not fit.", "Mrs Ode", 0, 7))
    absent = {"id": "m", "text": "The party is a joke.", "target": "Green Hand", "expect": "against"}
    [minimum] = read(tmp_path, absent, task="stance").cases
    assert minimum.items == (ScoreItem("The party is a joke.", "Green Hand"),) and minimum.expect == ("against",)


def test_a_target_swap_exchanges_the_names_and_asks_for_both(tmp_path: Path) -> None:
    [case] = read(tmp_path, {"id": "s", "text": "[-Al] lost, and good [+Beatrix] won."}, task="stance", kind="target_swap").cases
    assert case.items == (
        ScoreItem("Al lost, and good Beatrix won.", "Beatrix", 18, 25),
        ScoreItem("Al lost, and good Beatrix won.", "Al", 0, 2),
        ScoreItem("Beatrix lost, and good Al won.", "Al", 23, 25),
        ScoreItem("Beatrix lost, and good Al won.", "Beatrix", 0, 7),
    )


def test_the_digest_is_of_what_is_asked(tmp_path: Path) -> None:
    case = {"id": "a", "text": "It rained.", "expect": "neutral"}
    digest = read(tmp_path, case).digest
    path = tmp_path / "a.yaml"
    path.write_text("# a comment\n" + path.read_text(), encoding="utf-8")
    path.rename(tmp_path / "b.yaml")
    assert read_suite(tmp_path).digest == digest
    (tmp_path / "b.yaml").unlink()
    assert read(tmp_path, case | {"text": "It snowed."}).digest != digest
    assert read(tmp_path, case, file="a.yaml").digest == digest
    assert read_suite().digest == read_suite(data_folder() / "probes").digest


@given(st.text(alphabet=st.characters(exclude_characters="[]<>{}|+-\n", exclude_categories=["Cs"]), min_size=1), st.integers(0, 30))
def test_marks_leave_the_text_and_its_offsets(text: str, number: int) -> None:
    marked = read_marks(f"{text}[{text}]{text}", "here")
    start, end = marked.places[""]
    assert marked.text == text * 3 and marked.text[start:end] == text
    assert fill(text, {}, number) == text
    for name in ("curly_quotes", "single_quotes"):
        assert len(PERTURBATIONS[name](text)) == len(text)


def test_empty_alternatives_leave_no_gap() -> None:
    assert alternatives("{He|She} {|, the fool,} left {|at last}.", "here") == ["He left.", "She, the fool, left at last."]


# --- what is refused


@pytest.mark.parametrize(
    ("case", "more", "said"),
    [
        ({"id": "a", "text": "It rained.", "expect": "netural"}, {}, "unknown value 'netural'. Did you mean 'neutral'?"),
        ({"id": "a", "text": "It rained.", "expect": "favor"}, {}, "unknown value 'favor'"),
        ({"id": "a", "text": "It rained.", "expects": "neutral"}, {}, "unknown key 'expects'. Did you mean 'expect'?"),
        ({"id": "a", "text": "It rained."}, {}, "case a: the key 'expect' is missing"),
        ({"id": "a", "text": 12, "expect": "neutral"}, {}, "12 is no text. Put it in quotes"),
        ({"id": "a", "text": " ", "expect": "neutral"}, {}, "is no text"),
        ({"text": "It rained.", "expect": "neutral"}, {}, "case 1: the key 'id' is missing"),
        ({"id": "a", "text": "<persn> left.", "expect": "neutral"}, {}, "there is no lexicon 'persn'. Did you mean 'person'?"),
        ({"id": "a", "text": "[Al] left.", "expect": "neutral"}, {}, "it has a target"),
        ({"id": "a", "text": "It {rained.", "expect": "neutral"}, {}, "a stray '{'"),
        ({"id": "a", "text": "It rained."}, {"kind": "pair"}, "it has 1 form(s) instead of two"),
        ({"id": "a", "text": "It {a|b} {c|d|e}."}, {"kind": "pair"}, "its braces offer"),
        ({"id": "a", "text": "It {a|{b|c}}."}, {"kind": "pair"}, "a brace does not close"),
        ({"id": "a", "text": "It rained.", "change": "names"}, {"kind": "invariance"}, "it varies nothing"),
        ({"id": "a", "text": "It rained.", "change": "x", "swap": "town"}, {"kind": "invariance"}, "unknown value 'town'"),
        ({"id": "a", "text": "It rained.", "change": "x", "perturb": ["curly_quotes"]}, {"kind": "invariance"}, "is the base itself"),
        ({"id": "a", "text": "It rained.", "change": "x", "perturb": ["shout"]}, {"kind": "invariance"}, "unknown value 'shout'"),
        ({"id": "a", "text": "It rained.", "change": "x", "perturb": "upper_case"}, {"kind": "invariance"}, "is not a list"),
        ({"id": "a", "text": "Die Straße.", "change": "x", "perturb": ["upper_case"]}, {"kind": "invariance"}, "changes its length"),
        ({"id": "a", "text": "It rained.", "expect": "neutral"}, {"task": "stance"}, "it does not mark its target"),
        ({"id": "a", "text": "[Al] met [Bo].", "expect": "neutral"}, {"task": "stance"}, "another target alike"),
        ({"id": "a", "text": "[+Al] met Bo."}, {"task": "stance", "kind": "target_swap"}, "one favoured and one opposed"),
        ({"id": "a", "text": "[+Al] met [-Bo], and Al left."}, {"task": "stance", "kind": "target_swap"}, "it names a target again"),
        ({"id": "a", "text": "[Al] {is|is not}."}, {"task": "loaded", "kind": "direction"}, "the kind direction is not one of the task loaded"),
        ({"id": "a", "text": "x"}, {"kind": "injections"}, "unknown value 'injections'"),
        ({"id": "a", "text": "x"}, {"task": "load"}, "unknown value 'load'. Did you mean 'loaded'?"),
        ({"id": "a", "text": "x", "expect": "neutral"}, {"lexicons": {"day": ["Monday"]}}, "lexicon day: is not a list of two"),
        ({"id": "a", "text": "x", "expect": "neutral"}, {"lexicons": ["day"]}, "lexicons is not a mapping"),
        ({"id": "a", "text": "x", "expect": "neutral"}, {"owner": "me"}, "unknown key 'owner'"),
        ("It rained.", {}, "case 1: not a mapping"),
    ],
)
def test_a_wrong_case_is_told_in_one_line(case: Any, more: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, case, **more)
    told = str(caught.value)
    assert said in told and "\n" not in told and str(tmp_path / "a.yaml") in told and caught.value.remedy


def test_ids_and_questions_are_asked_once(tmp_path: Path) -> None:
    rain = {"id": "a", "text": "It rained.", "expect": "neutral"}
    with pytest.raises(DataError, match="the id 'a' stands twice"):
        read(tmp_path, rain, rain | {"text": "It snowed."})
    with pytest.raises(DataError, match="b asks what a asks"):
        read(tmp_path, rain, rain | {"id": "b"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("task: loaded\nkind: minimum\ncases: []\n", "cases is not a list"),
        ("task: loaded\nkind: minimum\ncases:\n  - id: a\n    text: one: two\n", "not readable as YAML"),
        ("task: loaded\ntask: stance\nkind: minimum\ncases: [x]\n", "line 1: the key 'task' stands twice"),
        ("- a\n", "not a mapping"),
        ("", "not a mapping"),
        ("x: !!python/object/apply:os.getcwd []\n", "not readable as YAML"),
        ("{[a, b]: c}\n", "unhashable key"),
        ("a: &x [*x]\n", "unknown key 'a'"),
        ("[" * 5000, "not readable as YAML"),
        ("task: loaded\nkind: minimum\ncases:\n  - id: a\n    text: no\n    expect: neutral\n", "False is no text. Put it in quotes"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(HEAD), encoding="utf-8")
    (tmp_path / "a.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_suite(tmp_path)
    assert said in str(caught.value) and "\n" not in str(caught.value) and str(tmp_path / "a.yaml") in str(caught.value)


def test_a_folder_that_is_no_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no suite\.yaml"):
        read_suite(tmp_path)
    (tmp_path / "suite.yaml").write_text("name: own\nversion: 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="version: 1 is no text"):
        read_suite(tmp_path)
    (tmp_path / "suite.yaml").write_text("name: own\nversion: '1'\n", encoding="utf-8")
    with pytest.raises(DataError, match="the suite has no cases"):
        read_suite(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"task: \xff\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_suite(tmp_path)
