"""Spans and target mentions that cannot be right."""

from __future__ import annotations

from slant.data.audit.findings import Finding, Rows

__all__ = ["mentions_outside_text", "negatives_with_spans", "offsets_cut_words", "positives_without_spans", "spans_outside_text"]


def spans_outside_text(rows: Rows) -> Finding | None:
    """Spans that are empty, begin before the text or end behind it."""
    items = [
        rows.item(i, span=[span["start"], span["end"]])
        for i, spans in enumerate(rows.spans)
        for span in spans or ()
        if not 0 <= span["start"] < span["end"] <= len(rows.text[i])
    ]
    return _found("spans_outside_text", "spans are empty or not within their text", items, "Mend their offsets: code points of the text, half-open")


def mentions_outside_text(rows: Rows) -> Finding | None:
    """Target mentions that are empty, half given, begin before the text or end behind it."""
    items = []
    for i, (start, end) in enumerate(zip(rows.target_start, rows.target_end, strict=True)):
        if (start is None) != (end is None) or (start is not None and end is not None and not 0 <= start < end <= len(rows.text[i])):
            items.append(rows.item(i, mention=[start, end]))
    return _found("mentions_outside_text", "target mentions are empty or not within their text", items, "Mend their offsets or leave both out")


def offsets_cut_words(rows: Rows) -> Finding | None:
    """Spans and mentions that begin or end within a word or on white space, as offsets do that count bytes, line ends or another text."""
    items = []
    for i, text in enumerate(rows.text):
        marked = [(span["start"], span["end"], "span") for span in rows.spans[i] or ()]
        start, end = rows.target_start[i], rows.target_end[i]
        if start is not None and end is not None:
            marked.append((start, end, "mention"))
        for start, end, kind in marked:
            if 0 <= start < end <= len(text) and _cuts(text, start, end):
                items.append(rows.item(i, offsets=[start, end], of=kind, marked=text[start:end]))
    what = "spans or mentions begin or end within a word, or on white space"
    return _found("offsets_cut_words", what, items, "Count offsets in code points of the text as it stands")


def positives_without_spans(rows: Rows) -> Finding | None:
    """Rows labelled loaded in an annotated corpus that mark no word."""
    found = [i for i in range(len(rows)) if rows.label[i] == "loaded" and rows.spans[i] == []]
    if not any(rows.spans):
        return None  # a corpus without any span has none to miss
    return _found("positives_without_spans", "rows labelled loaded mark no word", rows.items(found), "Mark the words, or give them null spans")


def negatives_with_spans(rows: Rows) -> Finding | None:
    """Rows labelled neutral that mark a loaded word."""
    found = [i for i in range(len(rows)) if rows.task[i] == "loaded" and rows.label[i] == "neutral" and rows.spans[i]]
    remedy = "Look at them; the word head learns from these spans too"
    return _found("negatives_with_spans", "rows labelled neutral mark a word", rows.items(found), remedy)


def _cuts(text: str, start: int, end: int) -> bool:
    within = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    beyond = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return within or beyond or text[start].isspace() or text[end - 1].isspace()


def _found(kind: str, what: str, items: list[dict[str, object]], remedy: str) -> Finding | None:
    return Finding(kind, what, len(items), None, items, remedy=remedy) if items else None
