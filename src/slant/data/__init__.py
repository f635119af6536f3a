"""Corpora as Example tables, what is wrong with them, and the splits that never cut an article."""

from slant.data.corpus import Corpus, Quarantined
from slant.data.crossing import cross_corpora
from slant.data.duplicates import Duplicates, find_duplicates
from slant.data.examples import column, corpus_fingerprint, make_dataset
from slant.data.groups import Prepared, prepare
from slant.data.splits import Split, assign_groups, grouped_folds, grouped_holdout, leave_one_out, official, split_fingerprint

__all__ = [
    "Corpus",
    "Duplicates",
    "Prepared",
    "Quarantined",
    "Split",
    "assign_groups",
    "column",
    "corpus_fingerprint",
    "cross_corpora",
    "find_duplicates",
    "grouped_folds",
    "grouped_holdout",
    "leave_one_out",
    "make_dataset",
    "official",
    "prepare",
    "split_fingerprint",
]
