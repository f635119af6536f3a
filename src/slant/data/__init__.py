"""Corpora as Example tables, and the splits that never cut an article."""

from slant.data.babe import load_babe
from slant.data.corpus import Corpus, Quarantined
from slant.data.examples import column, corpus_fingerprint, make_dataset
from slant.data.newsroom import load_newsroom
from slant.data.splits import Split, assign_groups, grouped_folds, grouped_holdout, leave_one_out, split_fingerprint

__all__ = [
    "Corpus",
    "Quarantined",
    "Split",
    "assign_groups",
    "column",
    "corpus_fingerprint",
    "grouped_folds",
    "grouped_holdout",
    "leave_one_out",
    "load_babe",
    "load_newsroom",
    "make_dataset",
    "split_fingerprint",
]
