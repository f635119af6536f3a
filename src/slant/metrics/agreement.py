"""How far annotators agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slant.errors import DataError

__all__ = ["krippendorff_alpha"]


def krippendorff_alpha(ratings: Sequence[Sequence[str | None]]) -> float:
    """Krippendorff's alpha for nominal data: 1 is full agreement, 0 what chance gives, below 0 systematic disagreement.

    From the coincidence matrix of Krippendorff (2011), *Computing Krippendorff's Alpha-Reliability*, section C. Any number of
    annotators; units with fewer than two ratings say nothing and are left out.

    Args:
        ratings: for each annotator a label a unit, None where there is none.

    Returns nan where all ratings are of one label. Raises DataError for annotators of different length and where no unit has two ratings.
    """
    if len({len(one) for one in ratings}) > 1:
        raise DataError("annotators rated different numbers of units", remedy="Give each a rating or None for every unit")
    names = sorted({label for one in ratings for label in one if label is not None})
    number = {label: i for i, label in enumerate(names)}
    counts = np.zeros((len(ratings[0]) if ratings else 0, len(names)))
    for one in ratings:
        for unit, label in enumerate(one):
            if label is not None:
                counts[unit, number[label]] += 1
    rated = counts.sum(axis=1)
    counts, rated = counts[rated > 1], rated[rated > 1]
    if not len(counts):
        raise DataError("no unit was rated twice", remedy="Agreement needs two ratings of the same units")
    weighted = counts / (rated - 1)[:, None]
    coincidences = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    margins = coincidences.sum(axis=1)
    total = margins.sum()
    observed = total - np.trace(coincidences)
    expected = (total**2 - (margins**2).sum()) / (total - 1)
    return float(1 - observed / expected) if expected else float("nan")
