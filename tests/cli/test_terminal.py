"""What a terminal is shown: the article, its loaded words, the score table; and nothing that would drive it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from slant.cli.terminal import format_article, format_scores
from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, Annotation, Label
from slant.serve.schema import annotation_from_json
from slant.text import split_sentences

CASE = json.loads((Path(__file__).parents[1] / "cases" / "article.json").read_text(encoding="utf-8"))
TEXT, ANNOTATION = CASE["text"], annotation_from_json(CASE["annotation"])
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def loaded(text: str) -> Annotation:
    """Every sentence judged loaded, its first half a loaded span."""
    sentences = []
    for place in split_sentences(text):
        middle = (place.start + place.end + 1) // 2
        span = AnnotatedSpan(place.start, middle, text[place.start : middle], 0.9)
        sentences.append(AnnotatedSentence(place.start, place.end, text[place.start : place.end], Label("loaded", 0.8), [span]))
    return Annotation(sentences, [])


def gutter(shown: str) -> list[str]:
    """What stands before each sentence's first line."""
    return [line[:6].strip() for line in shown.splitlines() if line[5:6] in "▌│" and line[:4].strip()]


@pytest.mark.parametrize("color", [True, False])
def test_the_article_is_shown_sentence_by_sentence_with_its_judgements(color: bool) -> None:
    shown = STYLE.sub("", format_article(TEXT, ANNOTATION, width=100, color=color))
    assert gutter(shown) == ["0.71 ▌", "0.97 ▌", "0.66 ▌", "0.93 ▌", "?  ▌", "0.88 ▌"]
    assert shown.startswith("5 of 12 sentences loaded (42%) · 10 loaded expressions · 1 left undecided · 1 longer than the model")
    assert "defeat. [… longer than the model reads]" in shown
    body, table = shown.split("loaded words by weight")
    ours = r"[▌│❞]|\d\.\d\d ▌|\[… longer than the model reads\]|\[quoted, Mara Lindqvist\]|  \?"
    kept = " ".join(re.sub(ours, "", body.split("\n\n", 1)[1]).split())
    assert kept.replace("«", "").replace("»", "") == " ".join(TEXT.split())
    found = re.findall(r"^(\S.*?) +(0\.\d\d)  ", table, re.MULTILINE)
    assert [p for _, p in found] == ["0.95", "0.94", "0.91", "0.89", "0.83", "0.74", "0.72", "0.69", "0.64", "0.58"]
    assert found[5][0] == "strongman"


def test_without_colour_loaded_words_stand_in_guillemets() -> None:
    shown = format_article(TEXT, ANNOTATION, width=200, color=False)
    assert "\x1b" not in shown
    assert "a «mob» of «radical» activists «laid siege to» the town hall" in shown


def test_runs_of_white_space_within_a_sentence_are_one_space() -> None:
    text = "It   rained\t \n  all day."
    sentence = AnnotatedSentence(0, len(text), text, Label("neutral", 0.1))
    assert "│ It rained all day." in format_article(text, Annotation([sentence], []), width=80, color=False)


def test_an_annotation_without_bundles_names_none() -> None:
    assert "bundle" not in format_article(TEXT, Annotation(ANNOTATION.sentences, []), width=100, color=False)


def test_with_colour_each_strength_is_set_off_in_its_own_way() -> None:
    shown = format_article(TEXT, ANNOTATION, width=200, color=True)
    assert "«" not in shown
    styles = [re.search(rf"(\x1b\[[0-9;]*m){word}\x1b\[0m", shown) for word in ("mob", "strongman", "radical")]
    assert len({match.group(1) for match in styles if match}) == 3


def test_colour_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "13")
    assert "\x1b" not in format_article(TEXT, ANNOTATION, width=100, color=False)


@pytest.mark.parametrize("width", [20, 40, 72, 100])
def test_no_line_is_wider_than_asked(width: int) -> None:
    wide = "東京都知事は強権的な指導者だと批判された。" * 5 + "x" * 300 + "\n\n" + TEXT
    shown = format_article(wide, loaded(wide), width=width, color=True)
    lines = STYLE.sub("", shown).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    barred = [i for i, line in enumerate(lines) if line[5:6] in ("▌", "│")]
    assert len(barred) > 20
    assert all(not lines[i] for i in set(range(barred[0], barred[-1])) - set(barred))


HOSTILE = "He said \x1b[2J\x1b]0;owned\x07 and \x1b[31mred\x1b[0m. \x9b2J [bold]x[/bold] :smile: \x08\x08\x00 end.\r\nNext \u202eline\u2066 \x7f.\r"


@pytest.mark.parametrize("color", [True, False])
def test_an_article_cannot_drive_the_terminal(color: bool) -> None:
    shown = format_article(HOSTILE, loaded(HOSTILE), width=100, color=color)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", STYLE.sub("", shown))
    # Only our own styles: none begins with a sequence of the text's.
    assert "\x1b[31mred" not in shown and "␛[2J␛]0;owned␇" in STYLE.sub("", shown).replace("«", "").replace("»", "")
    assert "[bold]x[/bold] :smile:" in STYLE.sub("", shown).replace("«", "").replace("»", "")


def test_a_bundles_name_cannot_drive_the_terminal() -> None:
    shown = format_article(TEXT, Annotation(ANNOTATION.sentences, [{"id": "\x1b[2J", "name": "[red]n"}]), width=100, color=False)
    assert "\x1b" not in shown and "[red]n ␛[2J" in " ".join(shown.split())


@given(st.text(max_size=60), st.integers(30, 90))
def test_any_text_is_shown_without_controls(text: str, width: int) -> None:
    shown = format_article(text, loaded(text), width=width, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


def test_a_text_without_sentences_says_so() -> None:
    assert format_article("", Annotation([], []), width=80, color=False).strip() == "No sentences."


def test_an_annotation_of_another_text_is_refused() -> None:
    with pytest.raises(DataError, match="does not fit the text"):
        format_article(TEXT[1:], ANNOTATION, width=80, color=False)


def test_long_lists_of_words_say_how_many_are_left_out() -> None:
    text = "Vile. " * 20
    table = format_article(text, loaded(text), width=80, color=False).split("loaded words by weight")[1]
    assert table.count("0.90") == 12 and table.rstrip().endswith("… and 8 more")


def scores(**metrics: dict[str, Any]) -> dict[str, Any]:
    def entry(value: float | None, lo: float | None = None, hi: float | None = None) -> dict[str, Any]:
        return {"value": value, "lo": lo, "hi": hi, "n": 1200, "groups": 90}

    floor = {"metrics": {"accuracy": entry(0.51, 0.5, 0.52), "macro_f1": entry(0.34, 0.33, 0.35)}}
    own = {"accuracy": entry(0.81, 0.79, 0.83), "macro_f1": entry(0.8, 0.77, 0.82), "auroc": entry(None)}
    return {"rows": 1200, "metrics": own | metrics, "floors": {"majority": floor}}


def test_scores_stand_with_interval_and_floors() -> None:
    lines = [" ".join(line.split()) for line in format_scores(scores()).splitlines()]
    assert "1,200 rows in 90 groups (bootstrap over groups)" in lines[0]
    [row] = [line for line in lines if line.startswith("macro_f1")]
    assert "0.800" in row and "0.770" in row and "0.820" in row and "0.340" in row
    assert not any("None" in line or "nan" in line for line in lines)


def test_a_score_table_is_never_cut() -> None:
    wide = scores()
    wide["floors"] |= {f"a floor of a long name {i}": wide["floors"]["majority"] for i in range(6)}
    [row] = [line for line in format_scores(wide, width=40).splitlines() if line.startswith("macro_f1")]
    assert row.count("0.340") == 7 and "…" not in row


def test_rich_is_loaded_only_to_show_something() -> None:
    code = "import sys, slant.cli.terminal; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
