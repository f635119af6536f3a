"""What each check takes for a fault and what not, row by row; and what an audit says of it all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fixtures_audit import Row, clean_rows, copied, corpus_of, read

from slant.data import Quarantined
from slant.data.audit import CHECKS, Audit, Finding, audit_corpus, read_rows
from slant.data.audit.findings import EXCERPT
from slant.data.audit.leakage import part_leaks
from slant.data.audit.texts import LONG

TEXT = "The vile mayor didn’t answer."


def _row(**facts: Any) -> Row:
    return {"id": "r", "text": TEXT, "task": "loaded", "label": "loaded", "spans": [], "group": "g"} | facts


def _found(kind: str, *rows: Row) -> Finding | None:
    return CHECKS[kind](read([row | {"id": f"r{i}"} for i, row in enumerate(rows)]))


def _span(start: int, end: int) -> list[dict[str, Any]]:
    return [{"start": start, "end": end, "label": "loaded"}]


@pytest.mark.parametrize(
    ("start", "end", "cuts"),
    [(4, 8, False), (0, 3, False), (0, len(TEXT), False), (4, 7, True), (5, 8, True), (3, 8, True), (4, 9, True), (15, 21, False), (14, 21, True)],
)
def test_offsets_cut_words_or_do_not(start: int, end: int, cuts: bool) -> None:
    assert (_found("offsets_cut_words", _row(spans=_span(start, end))) is not None) == cuts


def test_a_span_outside_the_text_is_not_told_of_twice() -> None:
    rows = [_row(spans=_span(4, 99)), _row(spans=_span(-3, 2)), _row(spans=_span(4, 4))]
    finding = _found("spans_outside_text", *rows)
    assert finding is not None and finding.count == 3 and finding.items[0]["span"] == [4, 99]
    assert _found("offsets_cut_words", *rows) is None


def test_two_bad_spans_of_one_row_are_two() -> None:
    finding = _found("spans_outside_text", _row(spans=[*_span(4, 99), *_span(50, 60), *_span(4, 8)]))
    assert finding is not None and [item["ids"] for item in finding.items] == [["r0"], ["r0"]]


def test_a_corpus_that_marks_no_word_has_no_positive_without_spans() -> None:
    assert _found("positives_without_spans", _row(), _row()) is None
    assert _found("positives_without_spans", _row(spans=None), _row(spans=_span(4, 8))) is None
    finding = _found("positives_without_spans", _row(), _row(spans=_span(4, 8)), _row(label="neutral"), _row(label=None))
    assert finding is not None and finding.count == 1 and finding.items[0]["ids"] == ["r0"]


def test_words_may_be_marked_in_neutral_rows_of_another_task() -> None:
    assert _found("negatives_with_spans", _row(label="neutral", task="stance", spans=_span(4, 8))) is None
    assert _found("negatives_with_spans", _row(label="neutral", spans=_span(4, 8))) is not None


def test_a_text_of_exactly_the_bound_is_not_long() -> None:
    assert _found("long_texts", _row(text="a" * LONG)) is None
    finding = _found("long_texts", _row(text="a" * (LONG + 1)))
    assert finding is not None and finding.items[0]["texts"] == ["a" * (EXCERPT - 1) + "…"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("markup", "The R&D budget (and the M&S one) rose; 3 < 4 and 5 > 4, he said."),
        ("markup", "She wrote [sic] in the margin (twice) and left {it} at that."),
        ("urls", "The t.co.uk of old, the www and http of today: nobody reads a protocol."),
        ("mojibake", "“It’s naïve,” said Zoë – £30 for crème brûlée… at 5 °C?"),
        ("other_languages", "Guten Tag!"),  # too short to tell
        ("empty_texts", "№ 5"),
    ],
)
def test_what_only_looks_like_a_fault_is_let_be(kind: str, text: str) -> None:
    assert _found(kind, _row(text=text)) is None


def test_what_was_utf8_is_told_where_a_letter_and_a_sign_could_be_meant() -> None:
    garbled = "Åse Berg".encode().decode("cp1252")
    assert garbled == "Ã…se Berg"
    assert _found("mojibake", _row(text=f"{garbled} was elected on Monday.")) is not None


@pytest.mark.parametrize("column", ["outlet", "leaning", "topic", "target"])
def test_a_shortcut_needs_two_values_and_two_labels(column: str) -> None:
    kind = f"shortcut_{column}"
    assert _found(kind, _row(**{column: "A"}), _row(**{column: "A"}, label="neutral")) is None
    assert _found(kind, _row(**{column: "A"}), _row(**{column: "B"})) is None
    assert _found(kind, _row(**{column: "A"}), _row(**{column: "B"}, label="neutral")) is not None


def test_the_prior_of_a_value_does_not_see_the_rows_own_group() -> None:
    """By hand: outlet A says loaded, loaded, neutral in three groups, B neutral, neutral, loaded; only rows of other groups vote."""
    facts = [("A", "loaded"), ("A", "loaded"), ("A", "neutral"), ("B", "neutral"), ("B", "neutral"), ("B", "loaded")]
    rows = [_row(outlet=outlet, label=label, group=f"g{i}") for i, (outlet, label) in enumerate(facts)]
    finding = _found("shortcut_outlet", *rows)
    # The others of A: for each loaded row one loaded and one neutral, a tie that goes to the first label, "loaded"; for the neutral row loaded.
    # The others of B: for each neutral row one of each, so "loaded"; for the loaded row two neutral ones. Right: the first two rows.
    assert finding is not None and finding.count == 2 and finding.total == 6
    table = {item["value"]: (item["rows"], item["labels"]) for item in finding.items}
    assert table == {"A": (3, {"loaded": 2, "neutral": 1}), "B": (3, {"loaded": 1, "neutral": 2})}


def test_rows_without_a_label_or_a_value_have_no_say_in_a_shortcut() -> None:
    rows = [_row(outlet="AB"[i % 2], label=("loaded", "neutral")[i % 2], group=f"g{i}") for i in range(20)]
    more = [_row(outlet=None, group="h"), _row(outlet="A", label=None, group="i")]
    alone, with_more = _found("shortcut_outlet", *rows), _found("shortcut_outlet", *rows, *more)
    assert alone == with_more and alone is not None and alone.figures["accuracy"] == 1.0


# --- the whole audit


def test_an_audit_tells_of_the_quarantine_and_of_unlabelled_rows() -> None:
    rows = [*copied(clean_rows()[:30]), _row(id="none", label=None)]
    set_aside = (Quarantined("f, row 2", "vile", "not there"), Quarantined("f, row 9", "vile", "not there"), Quarantined("f, row 3", "x", "empty"))
    audit = audit_corpus(corpus_of(rows, quarantined=set_aside))
    by_reason = {finding.figures["reason"]: finding for finding in audit.findings if finding.kind == "quarantined"}
    assert {reason: (f.count, f.figures["different"]) for reason, f in by_reason.items()} == {"not there": (2, 1), "empty": (1, 1)}
    assert by_reason["empty"].items == [{"where": "f, row 3", "what": "x"}]
    counts = audit.counts()
    assert counts["quarantined"] == 3 and counts["unlabelled"] == 1 and counts["urls"] == 0
    assert set(counts) >= {*CHECKS, "shared_by_parts", "quarantined", "unlabelled"}


def test_an_audit_is_written_with_every_item_and_read_again(tmp_path: Path) -> None:
    rows = copied(clean_rows()[:300])
    for row in rows:
        row["text"] = f"{row['text']} مرحبا 🙂 https://example.org"
    more = Finding("leaks", "made elsewhere", 1, severity="stop")
    audit = audit_corpus(corpus_of(rows), more=[more])
    audit.write(tmp_path / "a.json")
    told = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    again = Audit(**told | {"findings": [Finding(**finding) for finding in told["findings"]]})
    assert again == audit and len(next(f for f in again.findings if f.kind == "urls").items) == 300
    assert "🙂" in audit.to_json() and "leaks" in audit.checked and audit.counts()["leaks"] == 1
    assert audit.fingerprint == corpus_of(rows).fingerprint


def test_an_audit_needs_no_check_of_make_dataset_and_changes_no_row() -> None:
    rows = [*copied(clean_rows()[:20]), _row(id="bad", text="", spans=_span(3, 99), target_start=4, target_end=None, outlet="", topic="")]
    corpus = corpus_of(rows)
    before = list(corpus.dataset)
    kinds = {finding.kind for finding in audit_corpus(corpus).findings}
    assert {"empty_texts", "spans_outside_text", "mentions_outside_text"} <= kinds and list(corpus.dataset) == before


@pytest.mark.parametrize("n", [1, 2])
def test_a_corpus_of_a_row_or_two_can_be_audited(n: int) -> None:
    rows = copied(clean_rows()[:n])
    assert audit_corpus(corpus_of(rows)).rows == n


# --- real corpora, by counts that their cards and others tell


def test_babe_has_the_faults_that_are_known(benchmarks: Path) -> None:
    from slant.data.corpora.babe import load_babe

    corpus = load_babe(benchmarks / "babe")
    rows = read_rows(corpus.dataset)
    audit = audit_corpus(corpus, rows)
    counts = audit.counts()
    assert (counts["exact_duplicates"], counts["near_duplicates"], counts["conflicting_labels"]) == (5, 9, 2)
    assert (counts["shared_articles"], counts["unlabelled"], counts["positives_without_spans"]) == (2384, 1, 179)
    found = {finding.kind: finding for finding in audit.findings}
    aliases = {frozenset(item["names"]) for item in found["topic_aliases"].items}
    assert aliases == {frozenset(("gun control", "gun-control")), frozenset(("vaccine", "vaccines")), frozenset(("blm", "black lives matter"))}
    # In the sample itself each outlet's majority is right in .740 (the card's number); of articles that it has not seen, in .729.
    table = found["shortcut_outlet"].items
    labelled = sum(item["rows"] for item in table)
    assert sum(max(item["labels"].values()) for item in table) / labelled == pytest.approx(0.740, abs=5e-4)
    assert found["shortcut_outlet"].figures["accuracy"] == pytest.approx(0.729, abs=5e-4) and found["shortcut_outlet"].severity == "warn"
    for kind in ("mojibake", "spans_outside_text", "offsets_cut_words", "empty_texts", "long_texts", "other_languages"):
        assert counts[kind] == 0, kind


def test_semeval2016_repeats_two_training_tweets_in_its_test_part(benchmarks: Path) -> None:
    from slant.data.corpora.semeval2016 import load_semeval2016

    corpus = load_semeval2016(benchmarks / "tweeteval-stance")
    shared = {(f.figures["first"], f.figures["second"]): f for f in part_leaks(read_rows(corpus.dataset))}
    assert shared["train", "test"].figures["duplicate"] == 2 and shared["train", "test"].total == 1249
    assert shared["dev", "test"].figures["duplicate"] == 0
    assert {finding.severity for finding in shared.values()} == {"warn"}


def test_semeval2023_holds_paragraphs_twice_with_two_labels(benchmarks: Path) -> None:
    from slant.data.corpora.semeval2023_task3 import load_semeval2023_task3

    rows = read_rows(load_semeval2023_task3(benchmarks / "semeval2023-task3").dataset)
    found = {kind: CHECKS[kind](rows) for kind in ("exact_duplicates", "empty_texts", "conflicting_labels")}
    counts = {kind: finding.count if finding else 0 for kind, finding in found.items()}
    # 28 texts stand more than once but for case and punctuation (its card); one of them is seven lines of nothing but signs.
    assert (counts["exact_duplicates"], counts["empty_texts"]) == (27, 7) and counts["conflicting_labels"] >= 5
