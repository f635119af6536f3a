"""Faults planted at known rows and rates: each check finds them, and finds nothing in the corpus they were planted in."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures_audit import ROWS, Row, clean_rows, copied, corpus_of, read

from slant.data.audit import CHECKS, Finding, Rows, audit_corpus
from slant.data.audit.leakage import part_leaks
from slant.data.duplicates import NEAR

RATES = (0.005, 0.02, 0.08)
FOREIGN = json.loads((Path(__file__).parents[2] / "cases" / "foreign_sentences.json").read_text(encoding="utf-8"))
LANGUAGES = ("de", "fr", "es", "ru")

#: Changes rows in place; returns the ids that must be found.
Planter = Callable[[list[Row], list[int], random.Random], set[str]]


@pytest.fixture(params=RATES, ids=lambda rate: f"{rate:.1%}")
def rate(request: pytest.FixtureRequest) -> float:
    return float(request.param)


def _chosen(rows: list[Row], rate: float, chance: random.Random, where: Callable[[Row], bool] = lambda row: True) -> list[int]:
    able = [i for i, row in enumerate(rows) if where(row)]
    return sorted(chance.sample(able, round(rate * len(rows))))


def _ids(finding: Finding | None) -> set[str]:
    return set() if finding is None else {name for item in finding.items for name in item.get("ids", ())}


def _shingles(text: str) -> set[str]:
    plain = " " + " ".join(re.findall(r"[^\W_]+", text.lower())) + " "
    return {plain[i : i + 5] for i in range(len(plain) - 4)}


def _alike(first: str, second: str) -> float:
    """Jaccard similarity of character 5-grams, written down a second time."""
    a, b = _shingles(first), _shingles(second)
    return len(a & b) / len(a | b)


# --- the corpus itself


@pytest.mark.parametrize("task", ["loaded", "stance"])
def test_a_clean_corpus_has_nothing_to_warn_of(task: str) -> None:
    audit = audit_corpus(corpus_of(clean_rows(task)))
    found = {finding.kind: finding.severity for finding in audit.findings}
    assert set(found.values()) == {"info"}, found
    # Its stories are stories, and a prior that is no better than the majority is told of, too.
    told = {"shared_articles", "shortcut_outlet", "shortcut_leaning", "shortcut_topic"}
    assert set(found) == (told if task == "loaded" else told | {"shortcut_target", "thin_labels"})
    assert set(audit.checked) >= set(CHECKS) and audit.rows == ROWS


def test_no_two_clean_sentences_are_alike() -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    counts = CountVectorizer(analyzer=lambda text: _shingles(text), binary=True).fit_transform([row["text"] for row in clean_rows()])
    common = (counts @ counts.T).toarray().astype(float)
    sizes = common.diagonal()
    jaccard = common / (sizes[:, None] + sizes - common)
    np.fill_diagonal(jaccard, 0)
    assert jaccard.max() < NEAR


# --- duplicates


def _copies(rows: list[Row], chosen: list[int], change: Callable[[Row], Row]) -> set[tuple[str, str]]:
    """Adds a changed copy of each chosen row; the pairs of ids."""
    pairs = set()
    for i in chosen:
        row = rows[i]
        copy = row | {"id": f"copy-of-{row['id']}", "group": f"copy-{i}"} | change(row)
        rows.append(copy)
        pairs.add((row["id"], copy["id"]))
    return pairs


def test_exact_duplicates_are_all_found(rate: float) -> None:
    chance = random.Random(f"exact {rate}")
    rows = copied(clean_rows())
    dressed = [str.upper, lambda t: f"  {t} ", lambda t: t.replace(" ", "\u00a0"), lambda t: t.rstrip(".") + "!", lambda t: f"“{t}”", lambda t: t]
    planted = _copies(rows, _chosen(rows, rate, chance), lambda row: {"text": chance.choice(dressed)(row["text"]), "spans": []})
    finding = CHECKS["exact_duplicates"](read(rows, duplicates=True))
    assert finding is not None and finding.count == len(planted) == round(rate * ROWS)
    assert {tuple(item["ids"]) for item in finding.items} == planted


def test_three_copies_of_one_row_are_three_repeats() -> None:
    rows = copied(clean_rows()[:50])
    for n in range(3):
        rows.append(rows[7] | {"id": f"copy-{n}"})
    finding = CHECKS["exact_duplicates"](read(rows, duplicates=True))
    assert finding is not None and [item["ids"] for item in finding.items] == [["row-0007", f"copy-{n}"] for n in range(3)]


def test_one_sentence_about_two_targets_is_no_repeat() -> None:
    rows = copied(clean_rows("stance")[:50])
    rows.append(rows[7] | {"id": "other", "target": "the city council", "label": "against" if rows[7]["label"] != "against" else "favor"})
    read_in = read(rows, duplicates=True)
    assert CHECKS["exact_duplicates"](read_in) is None and CHECKS["conflicting_labels"](read_in) is None


def _one_word(text: str, chance: random.Random) -> str:
    words = text.split()
    place = chance.randrange(len(words))
    deed = chance.choice(("change", "add", "drop"))
    word = chance.choice(("quite", "however", "reportedly", "old", "unusual", "yesterday"))
    return " ".join([*words[:place], *([] if deed == "drop" else [word]), *words[place + (deed != "add") :]])


def test_near_duplicates_are_found(rate: float) -> None:
    chance = random.Random(f"near {rate}")
    rows = copied(clean_rows())
    chosen = _chosen(rows, rate, chance)
    for i in chosen:
        rows[i] |= {"text": " ".join(rows[i]["text"].split()[: chance.choice((12, 14, 18, 24))]) + ".", "spans": []}
    before = _near_pairs(rows)
    planted = _copies(rows, chosen, lambda row: {"text": _one_word(row["text"], chance)})
    text = {row["id"]: row["text"] for row in rows}
    alike = {pair for pair in planted if _alike(text[pair[0]], text[pair[1]]) >= NEAR}
    assert len(alike) >= 0.8 * len(planted), "too few of the planted pairs are near duplicates at all"
    found = _near_pairs(rows)
    assert len(alike & found) >= 0.95 * len(alike)
    # Nothing below the threshold, and nothing that was not planted, is reported.
    assert all(_alike(text[a], text[b]) >= NEAR for a, b in found)
    assert all(pair[1].startswith("copy-of-") for pair in found - before)


def _near_pairs(rows: list[Row]) -> set[tuple[str, str]]:
    finding = CHECKS["near_duplicates"](read(rows, duplicates=True))
    return set() if finding is None else {tuple(item["ids"]) for item in finding.items}


def test_conflicting_labels_are_all_found(rate: float) -> None:
    chance = random.Random(f"conflict {rate}")
    rows = copied(clean_rows())
    opposite = {"loaded": "neutral", "neutral": "loaded"}
    # Half of the copies are exact and half have one more word; another lot agree and must not be found.
    chosen = _chosen(rows, rate, chance)
    agreeing = [i for i in _chosen(rows, rate, random.Random("others")) if i not in chosen]
    turn = iter(range(len(chosen)))
    planted = _copies(rows, chosen, lambda row: {"label": opposite[row["label"]], "text": row["text"] + (" again" if next(turn) % 2 else "")})
    _copies(rows, agreeing, lambda row: {})
    finding = CHECKS["conflicting_labels"](read(rows, duplicates=True))
    assert finding is not None and {tuple(item["ids"]) for item in finding.items} == planted
    assert sum(item["exact"] for item in finding.items) == (len(chosen) + 1) // 2


def test_a_duplicate_without_a_label_conflicts_with_nothing() -> None:
    rows = copied(clean_rows()[:50])
    rows.append(rows[7] | {"id": "copy", "label": None})
    assert CHECKS["conflicting_labels"](read(rows, duplicates=True)) is None


def test_boilerplate_is_found_and_a_sentence_of_a_few_articles_is_not() -> None:
    rows = copied(clean_rows())
    sign_up, agency, refrain = (rows[i]["text"] for i in (0, 300, 600))
    # Six articles end with the same notice, five share an agency's sentence, and one repeats its own refrain nine times.
    rows += [rows[0] | {"id": f"notice-{n}", "group": f"article-{n}", "text": sign_up.upper() if n % 2 else sign_up} for n in range(5)]
    rows += [rows[300] | {"id": f"agency-{n}", "group": f"article-{n}", "text": agency} for n in range(4)]
    rows += [rows[600] | {"id": f"refrain-{n}", "text": refrain} for n in range(9)]
    finding = CHECKS["boilerplate"](read(rows, duplicates=True))
    assert finding is not None and finding.count == 1
    assert finding.items[0]["ids"][0] == "row-0000" and (finding.items[0]["times"], finding.items[0]["groups"]) == (6, 6)


# --- articles


def test_articles_shared_by_parts_are_all_found(rate: float) -> None:
    chance = random.Random(f"parts {rate}")
    rows = [row | {"part": "test" if i >= 900 else "train"} for i, row in enumerate(copied(clean_rows()))]
    moved = _chosen(rows, rate, chance, lambda row: row["part"] == "test")
    for i in moved:
        rows[i]["group"] = rows[chance.randrange(900)]["group"]
    (finding,) = part_leaks(read(rows))
    assert finding.kind == "shared_by_parts" and (finding.count, finding.total) == (len(moved), 300)
    assert {item["ids"][1] for item in finding.items} == {rows[i]["id"] for i in moved}
    group = {row["id"]: (row["part"], row["group"]) for row in rows}
    for item in finding.items:
        assert item["leak"] == "same article" and group[item["ids"][0]] == ("train", group[item["ids"][1]][1])
    assert finding.figures == {"first": "train", "second": "test", "duplicate": 0, "near_duplicate": 0, "same_article": len(moved)}


def test_rows_that_share_their_article_are_counted(rate: float) -> None:
    chance = random.Random(f"articles {rate}")
    rows = [row | {"group": row["id"]} for row in copied(clean_rows())]
    chosen = _chosen(rows, rate, chance)
    chosen = chosen[: len(chosen) // 2 * 2]
    for number, i in enumerate(chosen):
        rows[i]["group"] = f"pair-{number // 2}"
    finding = CHECKS["shared_articles"](read(rows))
    assert finding is not None and (finding.count, finding.total) == (len(chosen), ROWS)
    assert finding.figures["groups"] == ROWS - len(chosen) // 2 and finding.figures["largest_group_rows"] == 2
    # Of two rows in a fifth drawn by chance the other is in the other four fifths four times in five.
    assert finding.figures["random_fold_test_rows_beside_their_article"] == pytest.approx(0.8 * len(chosen) / ROWS, abs=1e-4)


# --- names


@pytest.mark.parametrize(
    ("kind", "column", "pairs"),
    [
        (
            "topic_aliases",
            "topic",
            [("gun control", "gun-control"), ("vaccines", "vaccine"), ("The harbour", "harbour"), ("coastal land use", "CLU")],
        ),
        (
            "target_aliases",
            "target",
            [("Mira Orlov", "President Orlov"), ("Ole Strand", "Strand"), ("Ada Quill", "ada quill"), ("Kit Marr", "Kit Marr’s")],
        ),
        ("outlet_aliases", "outlet", [("The Gazette", "Gazette"), ("DAILY POST", "Daily Post"), ("Evening Star", "Evening-Star")]),
    ],
)
def test_every_alias_is_found(kind: str, column: str, pairs: list[tuple[str, str]], rate: float) -> None:
    chance = random.Random(f"{kind} {rate}")
    rows = [row | {"outlet": "Northern Wire", "topic": "fishing", "target": None} for row in copied(clean_rows())]
    for i in range(400):
        rows[i][column] = pairs[i % len(pairs)][0]
    for number, i in enumerate(_chosen(rows[400:], rate, chance)):
        rows[400 + i][column] = pairs[number % len(pairs)][1]
    finding = CHECKS[kind](read(rows))
    assert finding is not None and {tuple(item["names"]) for item in finding.items} == set(pairs)
    counts = {item["names"][0]: item["rows"] for item in finding.items}
    assert sum(n for _, n in counts.values()) == len(_chosen(rows[400:], rate, random.Random(f"{kind} {rate}")))
    assert all(CHECKS[other](read(rows)) is None for other in ("topic_aliases", "target_aliases", "outlet_aliases") if other != kind)


# --- spans and mentions


def _outside_spans(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    for i in chosen:
        n = len(rows[i]["text"])
        start, end = chance.choice([(-1, 4), (3, 3), (9, 4), (n - 2, n + 1), (n, n + 5), (n + 3, n + 9), (0, 0)])
        rows[i]["spans"] = [*(rows[i]["spans"] or []), {"start": start, "end": end, "label": "loaded"}]
    return {rows[i]["id"] for i in chosen}


def _shifted_spans(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    for i in chosen:
        (span,) = rows[i]["spans"]
        by = chance.choice([-3, -2, -1, 1, 2, 3])
        rows[i]["spans"] = [span | {"start": span["start"] + by, "end": span["end"] + by}]
    return {rows[i]["id"] for i in chosen}


def _spans_in_bytes(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    """As if the corpus had counted bytes: one more for each accent before the span."""
    for i in chosen:
        (span,) = rows[i]["spans"]
        text = "É" * chance.randint(1, 3) + "té: " + rows[i]["text"]
        more = len(text) - len(rows[i]["text"])
        start, end = (len(text[: at + more].encode()) for at in (span["start"], span["end"]))
        rows[i] |= {"text": text, "spans": [span | {"start": start, "end": end}]}
    return {rows[i]["id"] for i in chosen}


def _emptied(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    for i in chosen:
        rows[i]["spans"] = []
    return {rows[i]["id"] for i in chosen}


def _marked(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    for i in chosen:
        start = rows[i]["text"].index(" ") + 1
        rows[i]["spans"] = [{"start": start, "end": rows[i]["text"].index(" ", start), "label": "loaded"}]
    return {rows[i]["id"] for i in chosen}


def _outside_mentions(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    for i in chosen:
        n = len(rows[i]["text"])
        start, end = chance.choice([(-2, 4), (5, 5), (8, 2), (n - 3, n + 1), (None, 4), (4, None), (n, n + 4)])
        rows[i] |= {"target_start": start, "target_end": end}
    return {rows[i]["id"] for i in chosen}


def _shifted_mentions(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    for i in chosen:
        # A mention at the text's very beginning can be shifted to one side only, and its comma or full stop is no word.
        by = chance.choice([1, 2])
        rows[i] |= {"target_start": rows[i]["target_start"] + by, "target_end": rows[i]["target_end"] - chance.choice([0, 1])}
    return {rows[i]["id"] for i in chosen}


# --- texts


def _becomes(*texts: str) -> Planter:
    def plant(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
        for number, i in enumerate(chosen):
            rows[i] |= {"text": texts[number % len(texts)].replace("TEXT", rows[i]["text"]), "spans": []}
        return {rows[i]["id"] for i in chosen}

    return plant


def _garbled(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    said = [
        "café",
        "naïve",
        "Müller",
        "mayor’s",
        "“safe",
        "a plan – late",
        "and so on…",
        "£30",
        "à la carte",
        "Núñez",
        "groß",
        "Zoë",
        "Åse",
        "Ødegård",
        "30°",
    ]
    for number, i in enumerate(chosen):
        text = f"{rows[i]['text']} It was {said[number % len(said)]}, she added."
        rows[i] |= {"text": text.encode("utf-8").decode("cp1252"), "spans": []}
    return {rows[i]["id"] for i in chosen}


def _foreign(rows: list[Row], chosen: list[int], chance: random.Random) -> set[str]:
    # The smallest rate takes some of each, the largest all but a few.
    sentences = [FOREIGN[language][n] for n in range(30) for language in LANGUAGES]
    for i, sentence in zip(chosen, sentences, strict=False):
        rows[i] |= {"text": sentence, "spans": []}
    return {rows[i]["id"] for i in chosen}


def _loaded(row: Row) -> bool:
    return row["label"] == "loaded"


def _neutral(row: Row) -> bool:
    return row["label"] == "neutral"


def _any(row: Row) -> bool:
    return True


URLS = (
    "TEXT https://example.org/a?b=1",
    "See www.example.org: TEXT",
    "TEXT pic.twitter.com/aB3xYz",
    "TEXT t.co/Zz9",
    "HTTP://EXAMPLE.ORG TEXT",
    "TEXT bit.ly/3abc",
)
MARKUP = (
    "<p>TEXT</p>", "TEXT<br/>", "TEXT &amp; more", "TEXT &#8217;", "TEXT &#x2019;", "TEXT &nbsp;", "TEXT [more](http://example.org)",
    "{{quote}} TEXT", "<a href='x'>TEXT</a>", "TEXT font-size: 12px", "<!-- ad --> TEXT", "TEXT ]]>",
)  # fmt: skip
EMPTY = ("", "   ", "…", "— “” —", "\n\t", "***", "\u200b")

PLANTERS: list[tuple[str, str, str, Planter, Callable[[Row], bool]]] = [
    ("spans_outside_text", "outside", "loaded", _outside_spans, _any),
    ("offsets_cut_words", "shifted spans", "loaded", _shifted_spans, _loaded),
    ("offsets_cut_words", "spans in bytes", "loaded", _spans_in_bytes, _loaded),
    ("offsets_cut_words", "shifted mentions", "stance", _shifted_mentions, _any),
    ("mentions_outside_text", "outside", "stance", _outside_mentions, _any),
    ("positives_without_spans", "emptied", "loaded", _emptied, _loaded),
    ("negatives_with_spans", "marked", "loaded", _marked, _neutral),
    ("empty_texts", "emptied", "loaded", _becomes(*EMPTY), _any),
    ("long_texts", "long", "loaded", _becomes("TEXT " * 15, "x" * 1001), _any),
    ("urls", "addresses", "loaded", _becomes(*URLS), _any),
    ("markup", "markup", "loaded", _becomes(*MARKUP), _any),
    ("mojibake", "wrong encoding", "loaded", _garbled, _any),
    ("mojibake", "lost characters", "loaded", _becomes("TEXT He said \ufffdno\ufffd."), _any),
    ("other_languages", "foreign", "loaded", _foreign, _any),
]


@pytest.mark.parametrize(("kind", "how", "task", "plant", "where"), PLANTERS, ids=[f"{kind}-{how}" for kind, how, *_ in PLANTERS])
def test_planted_faults_are_all_found_and_nothing_else(
    kind: str, how: str, task: str, plant: Planter, where: Callable[[Row], bool], rate: float
) -> None:
    chance = random.Random(f"{kind} {how} {rate}")
    rows = copied(clean_rows(task))
    chosen = _chosen(rows, rate, chance, where)
    planted = plant(rows, chosen, chance)
    finding = CHECKS[kind](read(rows))
    assert finding is not None and len(planted) == round(rate * ROWS)
    found = _ids(finding)
    missed = {row["id"]: (row["text"], row["spans"]) for row in rows if row["id"] in planted - found}
    assert not missed
    assert found == planted and finding.count == len(finding.items) == len(planted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_foreign_sentence_is_told_with_its_language(language: str) -> None:
    sentences = FOREIGN[language]
    assert len(set(sentences)) >= 30
    rows = [{"id": f"{i}", "text": text, "task": "loaded", "label": "neutral", "spans": [], "group": f"{i}"} for i, text in enumerate(sentences)]
    finding = CHECKS["other_languages"](read(rows))
    assert finding is not None and [item["language"] for item in finding.items] == [language] * len(sentences)


def test_faults_of_all_kinds_at_once_are_each_found() -> None:
    """One fault does not hide another: all kinds that a loaded corpus can have, in one table, through the whole audit."""
    chance = random.Random("all")
    rows = copied(clean_rows())
    free = set(range(ROWS))
    planted: dict[str, set[str]] = {}
    for kind, _, task, plant, where in PLANTERS:
        if task == "loaded":
            chosen = sorted(chance.sample(sorted(i for i in free if where(rows[i])), 12))
            free -= set(chosen)
            planted[kind] = planted.get(kind, set()) | plant(rows, chosen, chance)
    audit = audit_corpus(corpus_of(rows))
    found = {finding.kind: _ids(finding) for finding in audit.findings}
    for kind, ids in planted.items():
        assert ids <= found[kind], kind
    assert audit.counts()["target_aliases"] == 0


def test_clean_english_with_foreign_names_accents_and_signs_is_let_be() -> None:
    texts = [
        "Zoë Núñez ordered crème brûlée at the café in São Paulo, said François Müller of the Ålesund Gazette.",
        "“We’ve paid £30 – or €35 – each…” she said; it was −5 °C outside, a 3 < 4 kind of day & night at R&D.",
        "The Łódź and Dvořák societies met in Reykjavík on Friday to discuss the “déjà vu” of another naïve proposal.",
        "El Niño and La Niña were both blamed when the harbour at Córdoba flooded for the third time this year.",
        "The schadenfreude in the Bundestag was palpable, wrote the Frankfurter Rundschau after the vote on Monday.",
        "Turnout rose to 61.4 % (from 58 %), the commission said; the count [of postal votes] is not complete.",
    ]
    rows = [{"id": f"{i}", "text": text, "task": "loaded", "label": "neutral", "spans": [], "group": f"{i}"} for i, text in enumerate(texts)]
    for kind in ("mojibake", "urls", "markup", "other_languages", "long_texts", "empty_texts"):
        assert CHECKS[kind](read(rows)) is None, kind


# --- shortcuts


@pytest.fixture(scope="module")
def clean() -> Rows:
    return read(clean_rows())


@pytest.mark.parametrize("truth", [0.7, 0.8, 0.95])
def test_an_outlet_that_tells_the_label_is_flagged_with_its_accuracy(clean: Rows, truth: float) -> None:
    covered = 0
    for seed in range(40):
        finding = _shortcut(clean, truth, seed)
        low, accuracy, high = (float(finding.figures[name] or 0) for name in ("accuracy_lo", "accuracy", "accuracy_hi"))
        assert finding.severity == "warn" and float(finding.figures["majority_accuracy"] or 0) < low < accuracy < high
        assert finding.count == pytest.approx(accuracy * ROWS, abs=0.1)
        assert high - low < 0.06
        covered += low <= truth <= high
    # A 95 % interval misses once in twenty; six misses of forty would happen once in a hundred.
    assert covered >= 35


def test_an_outlet_that_tells_nothing_is_not_flagged(clean: Rows) -> None:
    assert sum(_shortcut(clean, 0.5, seed).severity != "info" for seed in range(40)) <= 3


def test_labels_that_are_exactly_even_do_not_make_an_outlet_tell_more() -> None:
    """Without its own row the majority of even labels is always wrong: no floor to compare a prior with."""
    chance = random.Random(6)
    rows = [row | {"group": row["id"], "label": ("loaded", "neutral")[i % 2]} for i, row in enumerate(copied(clean_rows()))]
    finding = CHECKS["shortcut_outlet"](read([row | {"outlet": chance.choice("ABC")} for row in rows]))
    assert finding is not None and finding.figures["majority_accuracy"] == 0.5 and finding.severity == "info"


def test_an_outlet_of_one_story_tells_nothing_of_it() -> None:
    """Each outlet has one story of one label: in-sample its prior is perfect, and on a story that it has not met worth nothing."""
    rows = copied(clean_rows())[:600]
    chance = random.Random(3)
    labels = {group: chance.choice(("loaded", "neutral")) for group in {row["group"]: None for row in rows}}
    for row in rows:
        row |= {"outlet": f"outlet of {row['group']}", "label": labels[row["group"]]}
    finding = CHECKS["shortcut_outlet"](read(rows))
    assert finding is not None and finding.severity == "info" and float(finding.figures["accuracy"] or 0) < 0.6


def test_stories_of_one_label_widen_the_interval() -> None:
    """Ten rows a story that say the same are one observation, not ten."""
    alone = copied(clean_rows())[:600]
    chance = random.Random(4)
    for i, row in enumerate(alone):
        row |= {"group": row["id"], "label": "loaded" if i % 2 else "neutral"}
        row["outlet"] = "A" if (row["label"] == "loaded") == (chance.random() < 0.8) else "B"
    together = [alone[i // 10] | {"id": f"x{i}", "group": f"g{i // 10}"} for i in range(600)]
    narrow, wide = (CHECKS["shortcut_outlet"](read(rows)) for rows in (alone, together))
    assert narrow is not None and wide is not None
    width = [float(f.figures["accuracy_hi"] or 0) - float(f.figures["accuracy_lo"] or 0) for f in (narrow, wide)]
    assert width[1] > 2 * width[0]


def _shortcut(clean: Rows, truth: float, seed: int) -> Finding:
    """The finding where the outlet tells the label with the probability `truth`."""
    chance = random.Random(f"{truth} {seed}")
    outlets = ["Gazette" if (label == "loaded") == (chance.random() < truth) else "Courier" for label in clean.label]
    finding = CHECKS["shortcut_outlet"](replace(clean, outlet=outlets))
    assert finding is not None
    return finding


# --- labels too few


def test_labels_with_few_rows_in_a_part_are_told() -> None:
    rows = [row | {"part": "test" if i >= 1150 else "train"} for i, row in enumerate(copied(clean_rows()))]
    tested = [row for row in rows if row["part"] == "test"]
    for row in tested[:45]:
        row["label"] = "neutral"
    finding = CHECKS["thin_labels"](read(rows))
    n = sum(row["label"] == "loaded" for row in tested)
    assert finding is not None and finding.severity == "info"
    assert finding.items == [{"part": "test", "target": "", "label": "loaded", "rows": n}]
