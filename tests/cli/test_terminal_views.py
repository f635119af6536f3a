"""What a terminal shows of an article and of scores: all of it, within its width, and nothing that drives it."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.cli.terminal import format_article, format_scores
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.report import HEADLINE
from slant.serve.article import visible
from slant.serve.schema import annotation_from_json

CASE = json.loads((Path(__file__).parents[1] / "cases" / "article.json").read_text(encoding="utf-8"))
TEXT: str = CASE["text"]
BUNDLE: dict[str, Any] = CASE["annotation"]["bundles"][0]
SGR = re.compile("\x1b\\[[0-9;]*m")
BARS = ("▌", "│")


def annotation() -> Annotation:
    """The invented article's annotation; a copy of your own."""
    return annotation_from_json(CASE["annotation"])


def one_sentence(text: str, *words: str, probability: float = 0.9, **said: Any) -> Annotation:
    """The whole text as one loaded sentence, with each of `words` a span where it stands first."""
    spans = sorted((AnnotatedSpan(text.index(w), text.index(w) + len(w), w, probability) for w in words), key=lambda span: span.start)
    return Annotation([AnnotatedSentence(0, len(text), text, Label("loaded", probability), spans, **said)], [dict(BUNDLE)])


def show(text: str, said: Annotation, width: int = 100, *, color: bool = False) -> str:
    return format_article(text, said, width=width, color=color)


def cells(line: str) -> int:
    """Columns that a line takes, by Unicode's East Asian Width; combining marks take none."""
    wide = {"W": 2, "F": 2}
    return sum(0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else wide.get(unicodedata.east_asian_width(c), 1) for c in line)


def body(shown: str) -> list[str]:
    """The article's lines, without what stands before the bar."""
    return [line.split(line[5], 1)[1].strip() for line in shown.splitlines() if line[5:6] in BARS]


def bare(text: str) -> str:
    """A text without white space and marks."""
    return re.sub(r"[\s«»]+", "", text)


# --- the article


def test_a_blank_line_parts_paragraphs() -> None:
    blocks = show(TEXT, annotation(), 110).split("\n\n")
    assert [bare("".join(body(block)))[:11] for block in blocks[1:5]] == ["Councillors", "“Thisisasha", "Themayor’so", "Whatbeganas"]


def test_the_bundle_is_told_where_there_is_one() -> None:
    assert "bundle" in show(TEXT, annotation()) and str(BUNDLE["id"]) in show(TEXT, annotation())
    assert "bundle" not in show(TEXT, Annotation(annotation().sentences, []))


def test_with_colour_each_strength_has_a_style_of_its_own() -> None:
    shown = show(TEXT, annotation(), color=True)
    assert "«" not in shown
    styles = {word: re.search(f"\x1b\\[([0-9;]+)m{word}\x1b\\[0m", shown) for word in ("cronies", "rammed through", "radical")}
    found = [match.group(1).split(";") for match in styles.values() if match]
    assert len({tuple(style) for style in found}) == 3
    # Strong is a block of colour, the others are underlined: not told by hue alone.
    assert ["4" in style for style in found] == [False, True, True]
    assert "\x1b[1m0.71 ▌ \x1b[0mThe decision" in shown, "the mark's style ends before the sentence"
    assert bare("".join(body(SGR.sub("", shown)))) == bare("".join(body(show(TEXT, annotation()))))


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"COLUMNS": "33"}])
def test_the_environment_has_no_say(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = [show(TEXT, annotation(), 104, color=color) for color in (False, True)]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert [show(TEXT, annotation(), 104, color=color) for color in (False, True)] == before


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [16, 20, 30, 47, 80, 110])
def test_it_keeps_to_its_width_and_loses_nothing(width: int, color: bool) -> None:
    shown = SGR.sub("", show(TEXT, annotation(), width, color=color))
    assert max(map(cells, shown.splitlines())) <= width
    assert re.sub(r"\[…longerthanthemodelreads\]|\[quoted,MaraLindqvist\]|❞", "", bare("".join(body(shown)))) == bare(TEXT)
    # No word of the table is cut: its first column ends where the probabilities stand.
    lines = shown.splitlines()
    table = lines[next(i for i, line in enumerate(lines) if re.search(r" 0\.95( |$)", line)) :]
    column = "".join(line[: table[0].index("0.95")].strip() for line in table)
    assert [span.text for s in annotation().sentences for span in s.spans if bare(span.text) not in bare(column)] == []


@pytest.mark.parametrize("width", [20, 41, 80])
@pytest.mark.parametrize("text", ["漢字仮名交文悪党" * 12, "🙂🙃 " * 40 + "悪党", "한국어 문장은 悪党 넓다 " * 9, "cafe\u0301 悪党 " * 20])
def test_wide_characters_count_for_two(text: str, width: int) -> None:
    text = text.strip()
    shown = show(text, one_sentence(text, "悪党"), width).splitlines()
    assert max(map(cells, shown)) <= width
    lines = body("\n".join(shown))
    assert bare("".join(lines)) == bare(text)
    assert max(map(cells, lines)) >= min(width - 7, cells(text)) - 10, "no line is broken long before it must be"


def test_a_sentence_over_several_lines_of_its_file_is_wrapped_anew() -> None:
    text = "The vile\r\n    mayor\nleft\u2028at\tfive."
    assert body(show(text, one_sentence(text, "vile"))) == ["The «vile» mayor left at five."]
    spread = "The laid\nsiege town."
    shown = show(spread, one_sentence(spread, "laid\nsiege"))
    assert body(shown) == ["The «laid siege» town."]
    assert "[laid siege]" in shown


def test_only_the_first_line_of_a_sentence_has_its_probability() -> None:
    text = "The vile mayor " * 12
    text = text.strip()
    lines = [line for line in show(text, one_sentence(text, "vile"), 40).splitlines() if line[5:6] in BARS]
    assert len(lines) > 3
    assert [line[:6] for line in lines] == ["0.90 ▌"] + ["     ▌"] * (len(lines) - 1)


# --- hostile text

HOSTILE = {
    "colour": "The \x1b[31mvile\x1b[0m mayor left.",
    "title": "The vile \x1b]0;owned\x07 mayor \x1b]8;;http://x\x1b\\left\x1b]8;;\x1b\\.",
    "screen": "The vile \x9b2J\x1bc\x1b[2J\x1b[H mayor left.",
    "erasing": "The vile\x08\x08\x08\x08 kind\x7f mayor\rleft.",
    "nul": "The\0 vile \0mayor left.",
    "override": "The \u202evile\u202c mayor \u2067left\u2069.",
    "markup": "The [bold red]vile[/] mayor :smile: [link=x]left[/link].",
    "tags": "The <script>alert(1)</script> vile \"mayor\" 'left'.",
    "emoji": "🙂 The vile 👩‍👩‍👧‍👦 mayor 🇫🇷 left.",
}


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_is_shown_as_text(kind: str, color: bool) -> None:
    text = HOSTILE[kind]
    loaded = text[text.index("vile") :]
    said = Annotation(one_sentence(text, loaded, speaker=text).sentences, [BUNDLE | {"id": text, "name": text}])
    shown = SGR.sub("", show(text, said, 400, color=color))
    # Whatever of ours is left drives nothing: no controls but line ends, no marks that turn the line.
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", shown)
    assert body(shown.replace("«", "").replace("»", "")) == [visible(text, one_line=True)]


def test_only_our_own_escapes_are_written() -> None:
    text = HOSTILE["colour"]
    plain = text.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert SGR.findall(show(text, one_sentence(text, "vile"), color=True)) == SGR.findall(show(plain, one_sentence(plain, "vile"), color=True))


@given(st.text(alphabet="ab «»[]漢🙂e\u0301\n\r\v\x85\u2028\t\0\x1b\x9b\u202e", min_size=1, max_size=60), st.integers(16, 60))
def test_any_text_stays_within_its_width(text: str, width: int) -> None:
    shown = show(text, Annotation([AnnotatedSentence(0, len(text), text, Label("neutral", 0.1))], []), width)
    assert max(map(cells, shown.splitlines())) <= width
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)


# --- the words


def test_words_are_listed_by_weight_with_their_context() -> None:
    lines = show(TEXT, annotation(), 130).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("loaded words by weight"))
    table = [re.split(" {2,}", line) for line in lines[head + 1 :]]
    spans = sorted((s for x in annotation().sentences for s in x.spans), key=lambda span: -span.probability)
    assert [row[:2] for row in table] == [[span.text, f"{span.probability:.2f}"] for span in spans]
    assert table[3][2] == "Outside, a [mob] of radical activists…"
    assert [row[0] for row in table if row[2].endswith(" (quoted, Mara Lindqvist)")] == ["shameless giveaway", "cronies"]


@pytest.mark.parametrize(("count", "told"), [(0, None), (1, None), (12, None), (13, "… and 1 more"), (15, "… and 3 more")])
def test_twelve_words_are_listed_and_the_rest_counted(count: int, told: str | None) -> None:
    words = [f"vile{i:02d}" for i in range(count)]
    text = "Of " + " ".join(words) + " then."
    shown = show(text, one_sentence(text, *words))
    listed = re.findall(r"^(vile\d\d) +0\.90 ", shown, re.MULTILINE)
    assert listed == words[:12]
    assert re.findall("^… and .*", shown, re.MULTILINE) == ([told] if told else [])
    assert ("loaded words by weight" in shown) == bool(count)
    assert f"{count} loaded expression{'' if count == 1 else 's'} ·" in f"{shown.splitlines()[0]} ·"


# --- the voices

GRAU = "Felix Grau called it “a lifeline”. “It is vile,” he said. He said that nobody cared. It rained."


def voiced() -> Annotation:
    """GRAU told by hand: partly quoted, quoted, reported, the author's; a loaded word in each of the first two."""
    ends = [34, 57, 84, len(GRAU)]
    starts = [0, 35, 58, 85]
    said = {"speaker": "Felix Grau", "speaker_start": 0, "speaker_end": 10}
    told: list[dict[str, Any]] = [{"voice": "mixed"} | said, {"voice": "quoted"} | said, {"voice": "author"} | said, {"voice": "author"}]
    spans = [[AnnotatedSpan(24, 32, "lifeline", 0.9, "quoted", "Felix Grau")], [AnnotatedSpan(42, 46, "vile", 0.8, "quoted", "Felix Grau")], [], []]
    sentences = [
        AnnotatedSentence(a, b, GRAU[a:b], Label("loaded" if s else "neutral", 0.9 if s else 0.1), s, **extra)
        for a, b, s, extra in zip(starts, ends, spans, told, strict=True)
    ]
    return Annotation(sentences, [])


@pytest.mark.parametrize("color", [False, True])
def test_each_voice_is_told_in_words_with_colour_or_without(color: bool) -> None:
    shown = SGR.sub("", show(GRAU, voiced(), color=color)).replace("«", "").replace("»", "")
    assert body(shown) == [
        "Felix Grau called it “a lifeline❞”. [partly quoted, Felix Grau]",
        "“It is vile❞,” he said. [quoted, Felix Grau]",
        "He said that nobody cared. [reports Felix Grau]",
        "It rained.",
    ]
    assert shown.splitlines()[1:3] == [
        "loaded by voice: author 0 of 2 (0%) · quoted 1 of 1 (100%) · partly quoted 1 of 1 (100%)",
        "expressions by voice: author 0 · quoted 2 (marked ❞)",
    ]


def test_whoever_the_sentence_names_itself_is_not_named_again() -> None:
    text = "Felix Grau said that it rained."
    assert body(show(text, one_sentence(text, voice="author", speaker="Felix Grau", speaker_start=0, speaker_end=10))) == [text]


def test_where_no_voice_is_told_none_is_shown() -> None:
    text = "“It is vile,” said Felix Grau."
    shown = show(text, one_sentence(text, "vile", speaker="Felix Grau"))
    assert body(shown) == ["“It is «vile»,” said Felix Grau."] and "voice" not in shown and "❞" not in shown


def test_without_loaded_words_only_sentences_are_counted_by_voice() -> None:
    shown = show("It rained.", Annotation([AnnotatedSentence(0, 10, "It rained.", Label("neutral", 0.1), voice="author")], []))
    assert shown.splitlines()[1:3] == ["loaded by voice: author 0 of 1 (0%)", ""]


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_speaker_is_shown_as_text(kind: str, color: bool) -> None:
    text = HOSTILE[kind]
    told = one_sentence(text, voice="quoted", speaker=text, speaker_start=0, speaker_end=len(text))
    shown = SGR.sub("", show(text, told, 400, color=color))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", shown)
    assert body(shown) == [f"{visible(text, one_line=True)} [quoted, {visible(text, one_line=True)}]"]


# --- the stances


def stanced() -> Annotation:
    """GRAU again, with stances of each kind towards two targets; a third does not occur."""
    pro = {"against": 0.06, "neutral": 0.1, "favor": 0.84}
    first = [AnnotatedStance("Felix Grau", 0, 10, "against", {"against": 0.714, "neutral": 0.2, "favor": 0.086})]
    second = [
        AnnotatedStance("Felix Grau", None, None, "neutral", {"against": 0.3, "neutral": 0.4, "favor": 0.3}),
        AnnotatedStance("It", 36, 38, "favor", pro),
    ]
    third = [AnnotatedStance("Felix Grau", 58, 60, "neutral", {"against": 0.34, "neutral": 0.35, "favor": 0.31}, abstained=True)]
    stances = [first, second, third, []]
    sentences = [replace(sentence, stance=told) for sentence, told in zip(voiced().sentences, stances, strict=True)]
    return Annotation(
        sentences, [], targets=[AnnotatedTarget("Felix Grau", ["he"], 2), AnnotatedTarget("It", [], 1), AnnotatedTarget("Petra Holm", [], 0)]
    )


@pytest.mark.parametrize("color", [False, True])
def test_each_stance_is_told_by_sign_and_in_words_with_colour_or_without(color: bool) -> None:
    shown = SGR.sub("", show(GRAU, stanced(), 110, color=color)).replace("«", "").replace("»", "")
    assert body(shown) == [
        "Felix Grau called it “a lifeline❞”. [partly quoted, Felix Grau] [▼ against Felix Grau, 0.71]",
        "“It is vile❞,” he said. [quoted, Felix Grau] [▲ in favor of It, 0.84]",
        "He said that nobody cared. [reports Felix Grau] [? undecided on Felix Grau]",
        "It rained.",
    ]
    assert shown.split("\n\n")[1].splitlines() == [
        "stances by voice (▼ against, ○ neutral, ▲ in favor, ? undecided)",
        "Felix Grau, 2 mentions",
        "  author:        ? 1 undecided",
        "  quoted:        ○ 1 neutral",
        "  partly quoted: ▼ 1 against",
        "  loaded beside: lifeline❞ · vile❞",
        "It, 1 mention",
        "  quoted:        ▲ 1 in favor",
        "  loaded beside: vile❞",
        "not in this text: Petra Holm",
    ]


def test_targets_without_a_stance_and_voices_nobody_told() -> None:
    untold = [replace(sentence, voice=None) for sentence in stanced().sentences]
    shown = show(GRAU, Annotation(untold, [], targets=[AnnotatedTarget("Felix Grau", [], 2), AnnotatedTarget("Orlov", [], 1)]))
    assert "  voice untold:  ▼ 1 against · ○ 1 neutral · ? 1 undecided" in shown.splitlines()
    assert "Orlov, 1 mention\n  no stance told" in shown


def test_only_twenty_absent_targets_are_named_and_the_rest_counted() -> None:
    shown = show("", Annotation([], [], targets=[AnnotatedTarget(f"N{i}", [], 0) for i in range(23)]), 400)
    assert "No sentences." in shown and "stances by voice" not in shown
    assert "not in this text: N0, " in shown and shown.rstrip().endswith("N19 and 3 more")


@pytest.mark.parametrize("width", [16, 33, 80])
def test_stances_keep_to_the_width(width: int) -> None:
    assert max(map(cells, show(GRAU, stanced(), width).splitlines())) <= width


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_target_is_shown_as_text_in_one_line(kind: str, color: bool) -> None:
    text = HOSTILE[kind] + "\r\nnext \u2028line\x85"
    article = "The vi\x1b[2J\tle mayor left."
    stances = [AnnotatedStance(text, 0, 3, "against", {"against": 0.9})]
    said = one_sentence(article, "vi\x1b[2J\tle", stance=stances)
    shown = SGR.sub("", show(article, replace(said, targets=[AnnotatedTarget(text, [], 1), AnnotatedTarget(text * 2, [], 0)]), 400, color=color))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", shown)
    name = " ".join(visible(text, one_line=True).split())
    name = name if len(name) <= 60 else name[:59].rstrip() + "…"
    assert f"[▼ against {name}, 0.90]" in shown and f"\n{name}, 1 mention\n" in shown
    (absent,) = [line for line in shown.splitlines() if line.startswith("not in this text: ")]
    assert len(absent) <= len("not in this text: ") + 60


# --- the scores


def entry(value: float | None, lo: float | None = None, hi: float | None = None) -> dict[str, Any]:
    return {"value": value, "lo": lo, "hi": hi, "n": 240, "groups": 60}


def scores() -> dict[str, Any]:
    """Every headline metric with a value of its own, beside four floors."""
    metrics = {name: entry(i / 100 + 0.5, i / 100 + 0.4, i / 100 + 0.6) for i, name in enumerate(HEADLINE)}
    floors = ("majority", "outlet_prior", "target_blind", "lexicon")
    below = {floor: {"metrics": {name: entry(i / 100 + j / 1000) for i, name in enumerate(HEADLINE)}} for j, floor in enumerate(floors)}
    return {"rows": 12345, "metrics": metrics, "floors": below}


def read(shown: str) -> dict[str, list[str]]:
    """The table's rows by their first cell."""
    _, table = shown.split("\n\n", 1)
    return {line.split()[0]: re.split(" {2,}", line.strip())[1:] for line in table.splitlines()}


@pytest.mark.parametrize("width", [40, 60, 100, 160])
def test_every_metric_and_every_floor_is_shown_at_any_width(width: int) -> None:
    shown = format_scores(scores(), width=width)
    assert " ".join(shown.split("\n\n")[0].split()).startswith("Test scores on 12,345 rows in 60 groups")
    table = read(shown)
    assert table.pop("metric") == ["value", "95 % interval", "majority", "outlet prior", "target blind", "lexicon"]
    assert table == {
        name: [f"{i / 100 + 0.5:.3f}", f"{i / 100 + 0.4:.3f} to {i / 100 + 0.6:.3f}", *(f"{i / 100 + j / 1000:.3f}" for j in range(4))]
        for i, name in enumerate(HEADLINE)
    }


def test_what_is_null_is_a_dash() -> None:
    some = scores()
    some["metrics"]["mcc"] = entry(-0.25)
    some["metrics"]["auroc"] = entry(None)
    some["floors"]["lexicon"]["metrics"]["brier"] = entry(None)
    del some["floors"]["lexicon"]["metrics"]["word_f1"]
    del some["metrics"]["word_ap"]
    table = read(format_scores(some))
    assert table["mcc"][:2] == ["-0.250", "–"]
    assert table["auroc"][:2] == ["–", "–"]
    assert table["brier"][-1] == table["word_f1"][-1] == "–"
    assert "word_ap" not in table


def test_scores_without_floors() -> None:
    alone = scores() | {"floors": {}}
    assert read(format_scores(alone))["macro_f1"] == ["0.500", "0.400 to 0.600"]
