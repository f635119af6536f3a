"""Plain facts that travel between the floors. Offsets are half-open and count Unicode code points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "EXAMPLE_COLUMNS",
    "AnnotatedSentence",
    "AnnotatedSpan",
    "AnnotatedStance",
    "AnnotatedTarget",
    "Annotation",
    "Label",
    "ScoreItem",
    "Sentence",
    "Span",
    "WordScores",
]

#: The columns of an Example table (contract 1 of docs/design.md), whatever the corpus's home looked like.
EXAMPLE_COLUMNS = (
    "id", "text", "task", "label", "target", "target_start", "target_end", "spans", "group",
    "outlet", "leaning", "topic", "voice", "speaker", "source", "label_votes", "part",
)  # fmt: skip


@dataclass(frozen=True)
class Span:
    """A stretch of characters `text[start:end]` that bears a label."""

    start: int
    end: int
    label: str = "loaded"


@dataclass(frozen=True)
class Sentence:
    """A sentence's place in its document: `document[start:end]` is its text."""

    start: int
    end: int
    paragraph: int = 0


@dataclass(frozen=True)
class WordScores:
    """What a tagger says of one text, word by word.

    Attributes:
        starts, ends: code-point offsets of each word, in reading order.
        scores: the probability that the word is loaded, each in [0, 1].
        truncated: True when the encoder did not read the whole text; words it did not read are not listed.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    scores: Sequence[float]
    truncated: bool = False


@dataclass(frozen=True)
class AnnotatedSpan:
    """A loaded span in a document: offsets into the document, its words, the mean word probability.

    Attributes:
        voice: "quoted" in somebody's direct speech, else "author"; None where nobody told.
        speaker: whose direct speech it is, as the document names them; None where it does not, and for the author.
    """

    start: int
    end: int
    text: str
    probability: float
    voice: str | None = None
    speaker: str | None = None


@dataclass(frozen=True)
class Label:
    """A decision: the label chosen, the positive class's probability, and whether the model abstains from it."""

    label: str
    probability: float
    abstained: bool = False


@dataclass(frozen=True)
class ScoreItem:
    """A text to be scored as one sentence, and the target whose stance is asked, if any.

    Attributes:
        target_start, target_end: where the text mentions it, if the caller knows; both or neither.
    """

    text: str
    target: str | None = None
    target_start: int | None = None
    target_end: int | None = None


@dataclass(frozen=True)
class AnnotatedStance:
    """What a sentence takes as its stance towards one target.

    Attributes:
        target: its name, as in `AnnotatedTarget.name`.
        start, end: the mention that was read, in the document's code points; None where the sentence does not mention the target.
        probabilities: by label.
    """

    target: str
    start: int | None
    end: int | None
    label: str
    probabilities: dict[str, float]
    abstained: bool = False


@dataclass(frozen=True)
class AnnotatedTarget:
    """A target that a document was read for, and how often the document mentions it."""

    name: str
    aliases: list[str] = field(default_factory=list)
    mentions: int = 0


@dataclass(frozen=True)
class AnnotatedSentence:
    """One sentence of an annotation (contract 5).

    Attributes:
        voice: "author", "quoted" or "mixed" (`slant.text.sentence_voices`); None where nobody told.
        speaker: who speaks, or is reported without quotation marks, as `document[speaker_start:speaker_end]` names them. The name may
            stand in another sentence.
    """

    start: int
    end: int
    text: str
    loaded: Label
    spans: list[AnnotatedSpan] = field(default_factory=list)
    voice: str | None = None
    speaker: str | None = None
    stance: list[AnnotatedStance] = field(default_factory=list)
    truncated: bool = False
    speaker_start: int | None = None
    speaker_end: int | None = None


@dataclass(frozen=True)
class Annotation:
    """What is said of one document: its sentences in reading order, and what said it."""

    sentences: list[AnnotatedSentence]
    bundles: list[dict[str, object]]
    schema_version: int = 3
    targets: list[AnnotatedTarget] = field(default_factory=list)
