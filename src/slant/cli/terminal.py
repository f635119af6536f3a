"""Annotated articles and score tables as a terminal shows them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slant.records import Annotation
from slant.report import not_beaten, score_rows
from slant.serve.article import LoadedWord, Part, context, count, lay_out, rank_words, say_voice, strength, verdict, visible
from slant.serve.stances import ANSWERS, answer, marked, say_name, say_stance
from slant.serve.summary import SENTENCE_VOICES, SPAN_VOICES, Summary, TargetSummary, summarise

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

__all__ = ["format_article", "format_scores"]

_STYLES = {"strong": "bold white on red", "clear": "bold red underline", "slight": "yellow underline"}
_GUTTER = 7
_WORDS_LISTED = 12
#: Of a target's loaded words, and of the targets that do not occur.
_WORDS_OF_TARGET = 5
_ABSENT_LISTED = 20
_ANSWER_STYLES = {"against": "bold magenta", "favor": "bold cyan", "neutral": "dim", "abstained": "dim italic"}
_VOICES = dict(zip((*SENTENCE_VOICES, "untold"), ("author", "quoted", "partly quoted", "voice untold"), strict=True))
#: Stands behind a loaded word in direct speech. No article is likely to have this sign of its own.
_QUOTED = "❞"
_SPACES = re.compile(" {2,}")


def format_article(text: str, annotation: Annotation, *, width: int, color: bool) -> str:
    """The article, a sentence a line and wrapped to `width`, its loaded words marked; then the loaded words by weight.

    Before a sentence judged loaded stands its probability. With `color` the words are set off by colour and underline, without it by «guillemets».
    Where the annotation tells voices, ❞ follows a loaded word in direct speech, and a sentence that is not all the author's ends with
    whose it is: [quoted, Felix Grau]. A sentence that tells a stance ends with it: [▼ against Felix Grau, 0.71]; the stances of each target
    by voice stand before the article, and the targets that do not occur.
    Control characters of the text are shown as signs, so that an article cannot drive the terminal. Raises DataError when the annotation is of
    another text.
    """
    paragraphs = lay_out(text, annotation)
    summary = summarise(annotation)
    lines: list[RenderableType] = [_summary(annotation), *(_voices(summary) if summary.voiced else []), ""]
    if summary.targets:
        lines += [*_targets(summary, color), ""]
    elif summary.untargeted:
        lines += ["no stances: no name recurs in this text, and none was given (--target)", ""]
    for paragraph in paragraphs:
        parts = [part for part in paragraph.parts if part.sentence is not None]
        for part in parts:
            lines.append(_sentence(part, width, color))
        if parts:
            lines.append("")
    words = rank_words(paragraphs)
    if words:
        lines.append(_word_table(words))
    return _render(lines, width, color)


def format_scores(scores: Mapping[str, Any], *, width: int = 100) -> str:
    """A line a metric: its exact name, value, 95 % interval, and the floors beside it; wider than `width` rather than cut."""
    from rich.cells import cell_len

    groups, rows = scores["metrics"]["accuracy"]["groups"], scores["rows"]
    head = f"Test scores on {rows:,} rows in {groups:,} groups (bootstrap over groups) beside the trivial floors"
    rows = score_rows(scores)
    needed = sum(max(map(cell_len, column)) + 2 for column in zip(*rows, strict=True))
    told = [_render([line], width, False) for line in not_beaten(scores)]
    return "\n".join([_render([head], width, False), "", _render([_table(rows)], max(width, needed), False), *([""] if told else []), *told])


def _summary(annotation: Annotation) -> str:
    counts = count(annotation)
    if not counts.sentences:
        return "No sentences."
    sentences, expressions = (
        f"{number} {noun}{'s' * (number != 1)}" for number, noun in ((counts.sentences, "sentence"), (counts.spans, "loaded expression"))
    )
    said = [f"{counts.loaded} of {sentences} loaded ({counts.loaded_rate:.0%})", expressions]
    said += [f"{counts.abstained} left undecided"] if counts.abstained else []
    said += [f"{counts.truncated} longer than the model reads"] if counts.truncated else []
    # Several heads of one bundle have its name and id.
    models = dict.fromkeys(f"{bundle.get('name', '')} {bundle.get('id', '')}".strip() for bundle in annotation.bundles)
    said += [f"bundle {', '.join(models)}"] if any(models) else []
    return visible(" · ".join(said), one_line=True)


def _voices(summary: Summary) -> list[str]:
    """Two lines (one without loaded words): loaded sentences and loaded words by voice."""
    tallies = [(_VOICES[voice], summary.sentences[voice]) for voice in SENTENCE_VOICES]
    rates = [f"{name} {t.loaded} of {t.sentences} ({t.loaded_rate:.0%})" for name, t in tallies if t.loaded_rate is not None]
    said = [f"loaded by voice: {' · '.join(rates)}"]
    if summary.words:
        found = " · ".join(f"{_VOICES[voice]} {summary.spans[voice]}" for voice in SPAN_VOICES)
        said.append(f"expressions by voice: {found}" + (f" (marked {_QUOTED})" if summary.spans["quoted"] else ""))
    return said


def _targets(summary: Summary, color: bool) -> Iterator[RenderableType]:
    """A block for each target that a stance was told towards: its stances a line a voice, then its loaded words; last, who does not occur."""
    from rich.padding import Padding
    from rich.text import Text

    signs = ", ".join(f"{sign} {words}" for sign, words, _ in ANSWERS.values())
    if any(about.told for about in summary.targets):
        yield f"stances by voice ({signs})"
    for about in summary.targets:
        if about.target.mentions or about.told:
            mentions = f"{about.target.mentions} {'mention' if about.target.mentions == 1 else 'mentions'}"
            yield Text.assemble((say_name(about.target.name), "bold" if color else ""), f", {mentions}")
            for line in _stances(about, summary):
                yield Padding(line, (0, 0, 0, 2))
    absent = [say_name(about.target.name) for about in summary.targets if not about.target.mentions]
    if absent:
        more = f" and {len(absent) - _ABSENT_LISTED} more" if len(absent) > _ABSENT_LISTED else ""
        yield f"not in this text: {', '.join(absent[:_ABSENT_LISTED])}{more}"


def _stances(about: TargetSummary, summary: Summary) -> Iterator[str]:
    if not about.told:
        yield "no stance told"
    for voice, counts in about.told.items():
        told = " · ".join(f"{ANSWERS[given][0]} {number} {ANSWERS[given][1]}" for given, number in counts.items() if number)
        yield f"{_VOICES[voice] + ':':<15}{told}"
    words = [summary.words[rank][0] for rank in about.words]
    if words:
        said = [visible(word.text, one_line=True) + (_QUOTED if word.voice == "quoted" else "") for word in words[:_WORDS_OF_TARGET]]
        more = f" and {len(words) - _WORDS_OF_TARGET} more" if len(words) > _WORDS_OF_TARGET else ""
        yield f"{'loaded beside:':<15}{' · '.join(said)}{more}"


def _sentence(part: Part, width: int, color: bool) -> Text:
    from rich.text import Text

    assert part.sentence is not None
    body = Text()
    for piece in part.pieces:
        # A sentence may run over several lines of its file; here it is wrapped anew.
        shown = _SPACES.sub(" ", visible(piece.text, one_line=True))
        if piece.span is None:
            body.append(shown)
        elif color:
            body.append(shown, _STYLES[strength(piece.span.probability)])
        else:
            body.append(f"«{shown}»")
        if piece.span is not None and piece.span.voice == "quoted":
            body.append(_QUOTED)
    judged = verdict(part.sentence)
    mark = {"loaded": f"{part.sentence.loaded.probability:.2f} ▌ ", "abstained": "  ?  ▌ ", "neutral": "     │ "}[judged]
    if part.sentence.truncated:
        body.append(" [… longer than the model reads]")
    if voice := say_voice(part.sentence):
        body.append(f" [{voice}]", "italic" if color else "")
    for stance in marked(part.sentence):
        probability = "" if stance.abstained else f", {stance.probabilities[stance.label]:.2f}"
        body.append(f" [{say_stance(stance)}{probability}]", _ANSWER_STYLES[answer(stance)] if color else "")
    wrapped = body.wrap(_console(width, color), max(width - _GUTTER, 8))
    style = "bold" if judged == "loaded" else "dim"
    # Assembled, not added: a sum would spread the mark's style over the sentence.
    lines = [Text.assemble((mark if i == 0 else f"     {mark[5:]}", style), line) for i, line in enumerate(wrapped)]
    return Text("\n").join(lines)


def _word_table(words: Sequence[LoadedWord]) -> RenderableType:
    rows = [["loaded words by weight", "p", "where"]]
    for word in words[:_WORDS_LISTED]:
        before, after = context(word, 26)
        where = visible(f"{before.lstrip()}[{word.span.text}]{after.rstrip()}", one_line=True)
        if voice := say_voice(word.span):
            where += f" ({voice})"
        rows.append([visible(word.span.text, one_line=True), f"{word.span.probability:.2f}", where])
    if len(words) > _WORDS_LISTED:
        rows.append([f"… and {len(words) - _WORDS_LISTED} more", "", ""])
    return _table(rows, left=(0, 2))


def _table(rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, head in enumerate(rows[0]):
        table.add_column(Text(head), justify="left" if i in left else "right", no_wrap=i not in left, overflow="fold")
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _console(width: int, color: bool) -> Console:
    from rich.console import Console

    # Without a height rich takes TERM=dumb for 80 columns, whatever the width; without no_color it asks the environment.
    return Console(
        file=io.StringIO(),
        width=width,
        height=25,
        force_terminal=color,
        color_system="256" if color else None,
        no_color=not color,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _render(lines: Sequence[RenderableType], width: int, color: bool) -> str:
    console = _console(width, color)
    for line in lines:
        console.print(line, soft_wrap=False)
    written = console.file
    assert isinstance(written, io.StringIO)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())
