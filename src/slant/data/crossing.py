"""Two corpora as one: train on the first, test on the second."""

from __future__ import annotations

from typing import Any

import numpy as np

from slant.data.corpus import Corpus, Quarantined
from slant.data.duplicates import find_duplicates
from slant.data.examples import column, make_dataset
from slant.errors import ConfigError, DataError

__all__ = ["cross_corpora"]


def cross_corpora(train: Corpus, test: Corpus) -> Corpus:
    """The rows of `train` as part "train" and those of `test` as part "test", whatever parts they have at home.

    Rows of `test` that duplicate a row of `train`, exactly or nearly, are set aside first. Ids and groups are preceded by their corpus's
    name, so that nothing falls together by chance. Raises ConfigError when the corpora are of different tasks or one and the same.
    """
    tasks = {name for corpus in (train, test) for name in column(corpus.dataset, "task")}
    if len(tasks) > 1:
        raise ConfigError(
            f"{train.name} and {test.name} are of different tasks: {', '.join(sorted(tasks))}", where="data", remedy="Cross corpora of one task"
        )
    if train.fingerprint == test.fingerprint:
        raise ConfigError(f"both corpora are the same {train.name}", where="data", remedy="Name another one for data.test")
    if train.name == test.name:
        raise ConfigError(f"both corpora are called {train.name}", where="data", remedy="Give a table another name: data.test.name=NAME")
    n = len(train.dataset)
    texts = [*column(train.dataset, "text"), *column(test.dataset, "text")]
    found = find_duplicates(texts)
    sets = found.sets(len(texts))
    known = set(sets[:n].tolist())
    copied = np.array([first in known for first in sets[n:].tolist()], bool)
    ids = column(test.dataset, "id")
    where = f"{train.path} and {test.path}"
    set_aside = [Quarantined(test.path, ids[i], f"duplicate of a row of {train.name}") for i in np.flatnonzero(copied)]
    if copied.all():
        raise DataError(f"every row of {test.name} stands in {train.name} too", where=test.path, remedy="Nothing is left to test on")
    kept = test.dataset.select(np.flatnonzero(~copied))
    rows = [_moved(row, corpus.name, part) for corpus, part, table in ((train, "train", train.dataset), (test, "test", kept)) for row in table]
    return Corpus(
        make_dataset(rows, where),
        f"{train.name}-to-{test.name}",
        f"{train.version}-to-{test.version}",
        where,
        train.licence,
        (*train.quarantined, *test.quarantined, *set_aside),
    )


def _moved(row: dict[str, Any], name: str, part: str) -> dict[str, Any]:
    return row | {"id": f"{name}:{row['id']}", "group": f"{name}:{row['group']}", "part": part}
