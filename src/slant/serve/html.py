"""An annotated article as one HTML page that needs nothing else: no script, no network, no second file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from slant.labels import STANCE
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, Annotation
from slant.serve.article import STRENGTHS, LoadedWord, context, count, lay_out, rank_words, say_voice, strength, verdict, visible
from slant.serve.stances import ANSWERS, answer, marked, say_answer, say_name, say_probabilities, say_stance
from slant.serve.summary import SENTENCE_VOICES, Summary, Tally, summarise

__all__ = ["render_html"]

#: Code points of its sentence shown on either side of a word in the table.
_REACH = 70
_VERDICTS = {"loaded": "judged loaded", "neutral": "judged neutral", "abstained": "left undecided"}
_VOICES = {"author": "Author’s words", "quoted": "Quoted", "mixed": "Partly quoted", "untold": "Voice untold"}
#: With more targets than these their table stands below the article, not above it.
_TARGETS_ABOVE = 12
_WORDS_OF_TARGET = 8


def render_html(text: str, annotation: Annotation, *, title: str) -> str:
    """A page that shows `text` as it reads, its loaded words and sentences marked, and the loaded words in a table by weight.

    Where the annotation tells voices, a quotation sign stands before each loaded word in direct speech, a label behind each sentence
    that is not all the author's, and the loaded rate by voice in the summary. Where it has targets, a table tells the stances of each by
    voice, a label behind each sentence the stances it tells (by sign and in words), and a second table every stance with its probabilities.

    The page's content security policy allows nothing but its own style sheet; everything in `text`, `title` and `annotation` is
    shown as text. The text content of its one `<article>` is `text` as `slant.serve.article.visible` shows it, character by character.
    Write it as UTF-8. Raises DataError when the annotation is not of this text.
    """
    paragraphs = lay_out(text, annotation)
    words = rank_words(paragraphs)
    summary = summarise(annotation)
    bundles = [_bundle(bundle) for bundle in annotation.bundles]
    return _template().render(
        title=visible(title, one_line=True),
        paragraphs=paragraphs,
        counts=count(annotation),
        voices=_voices(summary) if summary.voiced else [],
        sentences=annotation.sentences,
        words=words,
        ranks={(word.span.start, word.span.end): rank for rank, word in enumerate(words, start=1)},
        targets=_targets(summary),
        absent=[visible(about.target.name, one_line=True) for about in summary.targets if not about.target.mentions],
        targets_above=_TARGETS_ABOVE,
        untargeted=summary.untargeted,
        stances=_stances(annotation.sentences),
        bundles=bundles,
        strengths=_legend(),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "strength": strength, "verdict": verdict, "percent": _percent}
    environment.globals |= {
        "say_sentence": _say_sentence,
        "say_span": _say_span,
        "say_voice": say_voice,
        "quoted": _quoted,
        "stance_marks": _marks,
        "answers": ANSWERS,
        "say_answer": say_answer,
        "context": context,
        "reach": _REACH,
    }
    return environment.get_template("article.html.j2")


def _percent(share: float) -> str:
    """A share as a whole percentage that says 0 or 100 only where that is exact."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _legend() -> list[tuple[str, str]]:
    """Each strength with the probabilities it stands for."""
    uppers = ["", *(f"{bound - 0.01:.2f}" for _, bound in STRENGTHS)]
    return [
        (name, f"{bound:.2f} or more" if not upper else f"{bound:.2f}–{upper}" if bound else f"up to {upper}")
        for (name, bound), upper in zip(STRENGTHS, uppers, strict=False)
    ]


def _say_span(span: AnnotatedSpan) -> str:
    spoken = " · in a quotation" if span.voice == "quoted" else ""
    return f"loaded, probability {span.probability:.2f}{spoken}"


def _say_sentence(number: int, sentence: AnnotatedSentence) -> str:
    said = f"Sentence {number}: {_VERDICTS[verdict(sentence)]}, probability {sentence.loaded.probability:.2f}"
    if voice := say_voice(sentence):
        said += f" · {voice}"
    return said + (" · longer than the model reads" if sentence.truncated else "")


def _quoted(word: LoadedWord) -> str:
    """Whose words they are, where they are not the author's; "" elsewhere."""
    if (word.span.voice or word.sentence.voice) != "quoted":
        return ""
    speaker = word.span.speaker if word.span.voice else word.sentence.speaker
    return f"quoted from {visible(speaker, one_line=True)}" if speaker else "quoted"


def _voices(summary: Summary) -> list[dict[str, str]]:
    """A row for each voice that is there: its name, its loaded sentences, and its loaded words where these can be of that voice."""
    rows = []
    for voice in SENTENCE_VOICES:
        tally, spans = summary.sentences[voice], summary.spans.get(voice)
        if tally.loaded_rate is None and not spans:
            continue
        words = "" if spans is None else f"{spans} loaded {'word or phrase' if spans == 1 else 'words or phrases'}"
        rows.append({"voice": voice, "name": _VOICES[voice], "sentences": _say_tally(tally), "words": words})
    return rows


def _say_tally(tally: Tally) -> str:
    of = f"{tally.loaded} of {tally.sentences} {'sentence' if tally.sentences == 1 else 'sentences'} loaded"
    return of + (f" ({_percent(tally.loaded_rate)})" if tally.loaded_rate is not None else "")


def _targets(summary: Summary) -> list[dict[str, Any]]:
    """What the table says of each target that occurs or got a stance: stances by voice, its sentences' loaded rate and loaded words."""
    found = []
    for about in summary.targets:
        if not about.target.mentions and not about.told:
            continue
        words = [(rank + 1, summary.words[rank][0]) for rank in about.words[:_WORDS_OF_TARGET]]
        found.append(
            {
                "name": visible(about.target.name, one_line=True),
                "aliases": ", ".join(visible(alias, one_line=True) for alias in about.target.aliases),
                "mentions": f"{about.target.mentions} {'mention' if about.target.mentions == 1 else 'mentions'}",
                "voices": [{"name": _VOICES[voice], "counts": counts} for voice, counts in about.told.items()],
                "loaded": _say_tally(about.loaded["all"]),
                "words": words,
                "more": len(about.words) - len(words),
            }
        )
    return found


def _marks(sentence: AnnotatedSentence, number: int) -> list[dict[str, str]]:
    """The labels behind a sentence: of each stance its class, what is shown, what is told on hover, and the probability for paper."""
    marks = []
    for stance in marked(sentence):
        title = f"Sentence {number}, stance towards {say_name(stance.target)}: {ANSWERS[answer(stance)][1]} ({say_probabilities(stance)})"
        title += " · not named here" if stance.start is None else ""
        marks.append({"kind": answer(stance), "said": say_stance(stance), "p": _label_probability(stance), "title": title})
    return marks


def _label_probability(stance: AnnotatedStance) -> str:
    return f"{stance.probabilities[stance.label]:.2f}" if stance.label in stance.probabilities else "–"


def _stances(sentences: list[AnnotatedSentence]) -> list[dict[str, Any]]:
    """A row for each stance: its sentence's number and voice, target, answer, and each label's probability ("–" where not told)."""
    rows = []
    for number, sentence in enumerate(sentences, start=1):
        for stance in sentence.stance:
            told = {label: f"{stance.probabilities[label]:.2f}" if label in stance.probabilities else "–" for label in STANCE.labels}
            row = {"number": number, "target": visible(stance.target, one_line=True), "answer": answer(stance), "probabilities": told}
            rows.append(row | {"voice": _VOICES.get(sentence.voice or "", "–")})
    return rows


def _bundle(bundle: dict[str, object]) -> dict[str, Any]:
    """What a bundle says of itself: in one line (`said`), and all of it as names and values (`facts`)."""
    names = {
        "name": "Model",
        "id": "Bundle",
        "task": "Task",
        "threshold": "Sentence threshold",
        "word_threshold": "Word threshold",
        "corpus": "Trained on",
        "package_version": "Slant version",
    }
    told = {key: _fact(bundle[key]) for key in names if bundle.get(key) is not None}
    model = " ".join(told[key] for key in ("name", "id") if key in told)
    units = {"threshold": "sentences", "word_threshold": "words"}
    bounds = " and ".join(f"{unit} from {told[key]}" for key, unit in units.items() if key in told)
    line = f"Model {model or 'without a name'}" + (f" · counts as loaded: {bounds}" if bounds else "")
    line += " · tells stances" if bundle.get("task") == STANCE.name else ""
    return {"said": line, "facts": [(names[key], value) for key, value in told.items()]}


def _fact(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else visible(str(value), one_line=True)
