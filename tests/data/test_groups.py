"""Groups that share a sentence become one."""

from __future__ import annotations

from slant.data import join_duplicates, make_dataset


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
    assert list(join_duplicates(make_dataset(rows(*FACTS), "t"))["group"]) == ["x"] * 5 + ["w"]
    assert list(join_duplicates(make_dataset(rows(*FACTS[::-1]), "t"))["group"]) == ["w"] + ["x"] * 5


def test_near_duplicates_join_groups_too_and_other_columns_stay() -> None:
    dataset = make_dataset(
        rows(
            ("a", "The harbour board approved the lease of the old fish quay on Tuesday evening."),
            ("b", "The harbour board has approved the lease of the old fish quay on Tuesday."),
            ("c", "The regional court will hear the appeal of the ferry company in November."),
        ),
        "t",
    )
    joined = join_duplicates(dataset)
    assert list(joined["group"]) == ["a", "a", "c"]
    assert joined.features == dataset.features
    assert joined.column_names == dataset.column_names
    assert list(joined["text"]) == list(dataset["text"])
