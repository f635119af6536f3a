"""Groups that share a sentence become one."""

from __future__ import annotations

import random

from slant.data import make_dataset, prepare


def rows(*facts: tuple[str, str]) -> list[dict[str, object]]:
    return [{"id": f"r{n}", "text": text, "task": "loaded", "label": "neutral", "group": group} for n, (group, text) in enumerate(facts)]


FACTS = (
    ("z", "An  agency's sentence."),
    ("z", "Of z alone."),
    ("y", "an agency's Sentence."),
    ("y", "What y and x both say."),
    ("x", "What y and x both say."),
    ("w", "Something else entirely stands here."),
)


def test_groups_that_share_a_sentence_are_one_whatever_the_order() -> None:
    assert list(prepare(make_dataset(rows(*FACTS), "t")).dataset["group"]) == ["x"] * 5 + ["w"]
    assert list(prepare(make_dataset(rows(*FACTS[::-1]), "t")).dataset["group"]) == ["w"] + ["x"] * 5


def test_near_duplicates_join_groups_too_and_other_columns_stay() -> None:
    dataset = make_dataset(
        rows(
            ("a", "The harbour board approved the lease of the old fish quay on Tuesday evening."),
            ("b", "The harbour board has approved the lease of the old fish quay on Tuesday."),
            ("c", "The regional court will hear the appeal of the ferry company in November."),
        ),
        "t",
    )
    joined = prepare(dataset).dataset
    assert list(joined["group"]) == ["a", "a", "c"]
    assert joined.features == dataset.features
    assert joined.column_names == dataset.column_names
    assert list(joined["text"]) == list(dataset["text"])


def long_article(name: str, start: int, n: int = 40) -> list[tuple[str, str]]:
    """Sentences of made-up words, alike to no other article's."""
    chance = random.Random(f"{name} {start}")
    return [(name, " ".join("".join(chance.choices("abcdefghijklmnopqrst", k=6)) for _ in range(8))) for _ in range(n)]


NOTICE = "Subscribe to our newsletter and never miss a story from the newsroom again."


def test_a_line_that_long_articles_share_joins_nothing_and_is_kept_once() -> None:
    facts = [*long_article("a", 100), ("a", NOTICE), *long_article("b", 300), ("b", NOTICE), ("c", "One sentence alone stands in the third article.")]
    for order in (facts, facts[::-1]):
        prepared = prepare(make_dataset(rows(*order), "t"))
        assert set(prepared.dataset["group"]) == {"a", "b", "c"}
        assert len(prepared.repeated) == 1
        assert list(prepared.dataset["text"]).count(NOTICE) == 1
        assert not len(prepared.duplicates.exact)


def test_half_copied_articles_are_one_group() -> None:
    first = long_article("a", 100)
    copied = [("b", text) for _, text in first[:20]]
    prepared = prepare(make_dataset(rows(*first, *copied, *long_article("b", 500), ("c", "Another article says something else.")), "t"))
    assert set(prepared.dataset["group"]) == {"a", "c"}
    assert prepared.repeated == ()


def test_a_notice_of_many_articles_is_kept_once_in_the_test_part() -> None:
    facts = [fact for n in range(8) for fact in [*long_article(f"g{n}", 1000 * n + 1, 30), (f"g{n}", NOTICE)]]
    table = [row | {"part": "test" if row["group"] in ("g5", "g6") else "train"} for row in rows(*facts)]
    prepared = prepare(make_dataset(table, "t"))
    kept = [row for row in prepared.dataset if row["text"] == NOTICE]
    assert [row["part"] for row in kept] == ["test"]
    assert len(prepared.repeated) == 7
    assert len(set(prepared.dataset["group"])) == 8


def test_test_rows_that_are_groups_of_their_own_all_stay_and_are_joined() -> None:
    table = [row | {"part": "test" if n < 8 else "train"} for n, row in enumerate(rows(*[(f"g{n}", NOTICE) for n in range(10)]))]
    prepared = prepare(make_dataset(table, "t"))
    assert list(prepared.dataset["part"]) == ["test"] * 8
    assert set(prepared.dataset["group"]) == {"g0"}


def test_the_order_of_rows_changes_nothing_but_the_order() -> None:
    facts = [*FACTS, *long_article("k", 70), ("k", "Of z alone."), *[(f"m{n}", NOTICE) for n in range(9)]]
    one = prepare(make_dataset(rows(*facts), "t"))
    table = rows(*facts)
    other = prepare(make_dataset(table[20:] + table[:20], "t"))
    groups = [dict(zip(p.dataset["id"], p.dataset["group"], strict=True)) for p in (one, other)]
    assert groups[0] == groups[1]
    assert one.repeated == other.repeated
