"""What is wrong with a corpus: one function a fault, and all of them in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from slant.data.audit import leakage, marks, names, repeats, shortcuts, texts
from slant.data.audit.findings import AUDIT_VERSION, Audit, Finding, Rows, read_rows
from slant.data.audit.leakage import find_leaks, refuse_leaks
from slant.data.audit.noise import label_noise
from slant.data.corpus import Corpus, Quarantined
from slant.progress import track

__all__ = ["AUDIT_VERSION", "CHECKS", "Audit", "Finding", "Rows", "audit_corpus", "find_leaks", "label_noise", "read_rows", "refuse_leaks"]

#: Every check that needs the rows alone, by the kind of what it finds.
CHECKS: dict[str, Callable[[Rows], Finding | None]] = {
    "exact_duplicates": repeats.exact_duplicates,
    "near_duplicates": repeats.near_duplicates,
    "conflicting_labels": repeats.conflicting_labels,
    "boilerplate": repeats.boilerplate,
    "shared_articles": repeats.shared_articles,
    "topic_aliases": names.topic_aliases,
    "target_aliases": names.target_aliases,
    "outlet_aliases": names.outlet_aliases,
    "spans_outside_text": marks.spans_outside_text,
    "mentions_outside_text": marks.mentions_outside_text,
    "offsets_cut_words": marks.offsets_cut_words,
    "positives_without_spans": marks.positives_without_spans,
    "negatives_with_spans": marks.negatives_with_spans,
    "empty_texts": texts.empty_texts,
    "long_texts": texts.long_texts,
    "mojibake": texts.mojibake,
    "urls": texts.urls,
    "markup": texts.leftover_markup,
    "other_languages": texts.other_languages,
    "thin_labels": shortcuts.thin_labels,
    **{f"shortcut_{name}": partial(shortcuts.shortcut, by=name) for name in shortcuts.COLUMNS},
}


def audit_corpus(corpus: Corpus, rows: Rows | None = None, more: Sequence[Finding] = ()) -> Audit:
    """All checks over a corpus as it was read, its quarantine, and `more` findings that others made (leaks of a split, label noise).

    Args:
        rows: the corpus's rows, where they have been read already.
    """
    rows = rows or read_rows(corpus.dataset)
    findings = [found for check in track(CHECKS.values(), len(CHECKS), "checks") if (found := check(rows)) is not None]
    findings += leakage.part_leaks(rows)
    findings += [_quarantine(reason, corpus.quarantined) for reason in sorted(corpus.quarantine_counts())]
    findings += [Finding("noted", f"counted while reading: {what}", count, severity="info") for what, count in corpus.notes.items() if count]
    unlabelled = sum(label is None for label in rows.label)
    if unlabelled:
        items = rows.items(i for i, label in enumerate(rows.label) if label is None)
        findings.append(Finding("unlabelled", "rows have no label", unlabelled, len(rows), items, severity="info", remedy="They are not trained on"))
    checked = [*CHECKS, "shared_by_parts", "quarantined", "unlabelled", *(finding.kind for finding in more)]
    return Audit(corpus.name, corpus.version, corpus.fingerprint, len(rows), [*findings, *more], list(dict.fromkeys(checked)))


def _quarantine(reason: str, quarantined: Sequence[Quarantined]) -> Finding:
    items = [{"where": q.where, "what": q.what} for q in quarantined if q.reason == reason]
    counts: dict[str, float | int | str | None] = {"reason": reason, "different": len(Counter(q.what for q in quarantined if q.reason == reason))}
    return Finding("quarantined", f"set aside while reading: {reason}", len(items), None, items, counts, "warn", "Mend the file, or leave them aside")
