"""What stands twice: sentences, and sentences of one article."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from slant.data.audit.findings import Finding, Rows
from slant.data.duplicates import NEAR
from slant.data.groups import BOILERPLATE

__all__ = ["boilerplate", "conflicting_labels", "exact_duplicates", "near_duplicates", "shared_articles"]


def exact_duplicates(rows: Rows) -> Finding | None:
    """Pairs of rows of one text and one target; case, punctuation and white space do not count."""
    pairs = [(a, b) for a, b in rows.duplicates.exact.tolist() if rows.target[a] == rows.target[b]]
    items = [rows.item(pair) for pair in pairs]
    remedy = "Rows of one text are kept in one part of every split; remove those that are too many"
    found = _found("exact_duplicates", "rows repeat an earlier row's text", items, len(rows), remedy)
    return replace(found, figures={"sets": len({a for a, _ in pairs})}) if found else None


def near_duplicates(rows: Rows) -> Finding | None:
    """Pairs of rows whose texts are alike but not equal."""
    pairs = zip(rows.duplicates.near.tolist(), rows.duplicates.similarity.tolist(), strict=True)
    items = [rows.item(pair, similarity=round(alike, 3)) for pair, alike in pairs]
    what = f"pairs of rows are near duplicates (Jaccard similarity of character 5-grams at least {NEAR})"
    return _found("near_duplicates", what, items, None, "Their groups are kept in one part of every split")


def conflicting_labels(rows: Rows) -> Finding | None:
    """Sets of exact or near duplicates, with the same target, that bear different labels."""
    together: dict[tuple[int, str | None], list[int]] = defaultdict(list)
    for row, first in enumerate(rows.duplicates.sets(len(rows)).tolist()):
        if rows.label[row] is not None:
            together[first, rows.target[row]].append(row)
    sets = [same for same in together.values() if len({rows.label[i] for i in same}) > 1]
    exact = {tuple(pair) for pair in rows.duplicates.exact.tolist()}
    items = [rows.item(same, exact=any((same[0], other) in exact for other in same[1:])) for same in sets]
    return _found("conflicting_labels", "sets of duplicates bear different labels", items, None, "Look at them and settle on one label")


def boilerplate(rows: Rows) -> Finding | None:
    """Sets of exact or near duplicates that stand in more than five groups: notices, slogans. A run keeps the first of each."""
    together: dict[int, list[int]] = defaultdict(list)
    for row, first in enumerate(rows.duplicates.sets(len(rows)).tolist()):
        together[first].append(row)
    sets = [same for same in together.values() if len({rows.group[row] for row in same}) > BOILERPLATE]
    items = [rows.item(same[:2], times=len(same), groups=len({rows.group[row] for row in same})) for same in sets]
    what = f"texts stand in more than {BOILERPLATE} articles, exactly or nearly"
    return _found("boilerplate", what, items, None, "They are no sentences of these articles; a run keeps one row of each")


def shared_articles(rows: Rows) -> Finding | None:
    """Rows that share their article or story with another, and what a random split would do to them."""
    sizes = Counter(rows.group)
    shared = [i for i, group in enumerate(rows.group) if sizes[group] > 1]
    if not shared:
        return None
    # Of a row's m - 1 companions at least one trains when a random fifth is tested.
    beside = sum(1 - 0.2 ** (sizes[rows.group[i]] - 1) for i in shared) / len(rows)
    largest, size = max(sizes.items(), key=lambda pair: (pair[1], pair[0]))
    figures: dict[str, float | int | str | None] = {
        "groups": len(sizes),
        "largest_group": largest,
        "largest_group_rows": size,
        "random_fold_test_rows_beside_their_article": round(beside, 4),
    }
    what = "rows share their article or story with another"
    return Finding("shared_articles", what, len(shared), len(rows), [], figures, "info", "Article-grouped splits keep them together")


def _found(kind: str, what: str, items: list[dict[str, object]], total: int | None, remedy: str) -> Finding | None:
    return Finding(kind, what, len(items), total, items, remedy=remedy) if items else None
