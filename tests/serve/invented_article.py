"""An invented article of twelve sentences, annotated by hand. Also the page to look at when the page's design changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation, Label

BUNDLE: dict[str, object] = {
    "id": "loaded-words-3f9a1c",
    "task": "loaded",
    "package_version": "0.1.0",
    "threshold": 0.5,
    "word_threshold": 0.42,
    "corpus": "babe@1",
}

PARAGRAPHS = (
    "Councillors in Westhaven voted on Tuesday night to sell the old harbour to a private developer. "
    "The decision, rammed through after midnight, passed by a single vote. "
    "It ends two years of talks with the port’s tenants.",
    "“This is a shameless giveaway to cronies,” said Mara Lindqvist, who leads the opposition. "
    "She called the mayor a strongman. "
    "Outside, a mob of radical activists laid siege to the town hall, while police looked on.",
    "The mayor’s office said the sale would raise 41 million euros, which it wants to spend on schools. "
    "Critics doubt the figure.\nA spokesman declined to comment.",
    "What began as a sleepy planning dispute has become a bitter war over the soul of the city, and it is far from clear that "
    "the mayor, whose catastrophic handling of the ferry contract still haunts him, can survive another humiliating defeat. "
    "Some residents welcomed the plan. The next hearing is on 4 March.",
)
TEXT = "\n\n".join(PARAGRAPHS) + "\n"

#: The sentence's first words, the probability that it is loaded, its loaded words with theirs, and what else is said of it.
_JUDGED: tuple[tuple[str, float, Sequence[tuple[str, float]], dict[str, Any]], ...] = (
    ("Councillors", 0.08, (), {}),
    ("The decision", 0.71, (("rammed through", 0.83),), {}),
    ("It ends", 0.04, (), {}),
    ("“This", 0.97, (("shameless giveaway", 0.95), ("cronies", 0.91)), {"voice": "quoted", "speaker": "Mara Lindqvist"}),
    ("She called", 0.66, (("strongman", 0.74),), {}),
    ("Outside", 0.93, (("mob", 0.89), ("radical", 0.64), ("laid siege to", 0.58)), {}),
    ("The mayor’s office", 0.05, (), {}),
    ("Critics", 0.47, (), {"abstained": True}),
    ("A spokesman", 0.03, (), {}),
    ("What began", 0.88, (("bitter war", 0.72), ("catastrophic", 0.94), ("humiliating", 0.69)), {"truncated": True}),
    ("Some residents", 0.1, (), {}),
    ("The next", 0.02, (), {}),
)


def annotation() -> Annotation:
    """The annotation of TEXT: twelve sentences, five loaded, one abstained from, one truncated, ten spans."""
    starts = [TEXT.index(first) for first, *_ in _JUDGED]
    sentences = []
    for (_, probability, spans, said), start, after in zip(_JUDGED, starts, [*starts[1:], len(TEXT)], strict=True):
        sentence = TEXT[start:after].rstrip()
        label = "loaded" if probability >= 0.5 else "neutral"
        sentences.append(
            AnnotatedSentence(
                start=start,
                end=start + len(sentence),
                text=sentence,
                loaded=Label(label, probability, bool(said.get("abstained", False))),
                spans=[
                    AnnotatedSpan(start + at, start + at + len(words), words, p, said.get("voice"))
                    for words, p in spans
                    for at in [sentence.index(words)]
                ],
                voice=said.get("voice"),
                speaker=said.get("speaker"),
                truncated=bool(said.get("truncated", False)),
            )
        )
    return Annotation(sentences=sentences, bundles=[dict(BUNDLE)])
