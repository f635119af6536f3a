"""`slant annotate --target`: whom the stances are towards, what a person is told where they cannot be, and hostile names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from slant.cli.annotate import MAX_TARGETS, find_bundles, read_targets
from slant.cli.main import main
from slant.errors import ConfigError
from slant.serve.schema import annotation_from_json, annotation_schema
from slant.text import Target

TEXT = "The vile minister Orlov delayed the vote on Monday. “Orlov opened the heroic bridge,” said Lind. The council met. The president left."
ACTS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def annotate(tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`slant annotate` on a text with both bundles (or those named): exit status, standard output and standard error."""

    def run(*options: str, text: str = TEXT, bundles: Sequence[Path] = (tiny_bundle, tiny_stance_bundle)) -> tuple[int, str, str]:
        article = tmp_path / "article.txt"
        article.write_text(text, encoding="utf-8")
        status = main(["annotate", str(article), *(word for bundle in bundles for word in ("-b", str(bundle))), *options])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def told_json(annotate: Run, *options: str, **more: Any) -> dict[str, Any]:
    status, out, _ = annotate("--json", *options, **more)
    assert status == 0
    said: dict[str, Any] = json.loads(out)
    pytest.importorskip("jsonschema").validate(said, annotation_schema())
    annotation_from_json(said)
    return said


def stances(said: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Sentence, target, and the words that were read as its mention."""
    return [(number, s["target"], TEXT[s["start"] : s["end"]]) for number, sentence in enumerate(said["sentences"]) for s in sentence["stance"]]


# --- whom


def test_named_targets_get_a_stance_in_every_sentence_that_names_them(annotate: Run) -> None:
    said = told_json(annotate, "--target", "Orlov=the president, the minister", "--target", "Lind")
    assert said["targets"] == [
        {"name": "Orlov", "aliases": ["the president", "the minister"], "mentions": 3},
        {"name": "Lind", "aliases": [], "mentions": 1},
    ]
    assert stances(said) == [(0, "Orlov", "Orlov"), (1, "Orlov", "Orlov"), (1, "Lind", "Lind"), (3, "Orlov", "The president")]
    orlov, lind = said["summary"]["targets"]
    by_voice = {voice: sum(counts.values()) for voice, counts in orlov["stance"].items()}
    assert by_voice == {"all": 3, "author": 2, "quoted": 1, "mixed": 0} and sum(lind["stance"]["all"].values()) == 1
    assert [bundle["task"] for bundle in said["bundles"]] == ["loaded", "stance"]


def test_without_target_the_texts_own_main_targets_are_read(annotate: Run) -> None:
    said = told_json(annotate)
    assert [(target["name"], target["mentions"]) for target in said["targets"]] == [("Orlov", 2)]
    assert stances(said) == [(0, "Orlov", "Orlov"), (1, "Orlov", "Orlov")]


def test_a_text_that_names_nobody_twice_says_why_there_are_no_stances(annotate: Run) -> None:
    status, out, _ = annotate(text="The council met. The vile mayor left.")
    assert status == 0 and "no stances: no name recurs in this text, and none was given (--target)" in out


def test_without_a_stance_head_nothing_is_said_of_targets(annotate: Run, tiny_bundle: Path) -> None:
    said = told_json(annotate, bundles=[tiny_bundle])
    assert said["targets"] == said["summary"]["targets"] == [] and not stances(said)
    assert "stance" not in annotate(bundles=[tiny_bundle])[1]


def test_all_views_tell_stances_and_who_does_not_occur(annotate: Run, tmp_path: Path) -> None:
    options = ("--target", "Orlov", "--target", "Petra Holm", "--target", "Nobody Else")
    status, out, err = annotate(*options)
    assert status == 0
    assert err == "slant: the text does not mention Petra Holm, Nobody Else\n"
    assert "not in this text: Petra Holm, Nobody Else" in out and "\nOrlov, 2 mentions\n" in out
    unwrapped = " ".join(re.sub(r"[▌│]", "", out).split())  # where a line breaks depends on the label's length
    assert len(re.findall(r"\[(▼ against|○ neutral on|▲ in favor of|\? undecided on) Orlov", unwrapped)) == 2
    page = tmp_path / "page.html"
    status, out, err = annotate(*options, "--html", str(page))
    assert (status, err) == (0, "slant: the text does not mention Petra Holm, Nobody Else\n")
    source = page.read_text(encoding="utf-8")
    assert "<bdi>Petra Holm</bdi>, <bdi>Nobody Else</bdi>" in source and source.count('class="toward') == 2
    said = told_json(annotate, *options)
    assert [target["mentions"] for target in said["targets"]] == [2, 0, 0]


def test_one_name_given_several_times_is_one_target_with_all_its_aliases(annotate: Run) -> None:
    assert read_targets(["Orlov=he", " Orlov ", "Ilya  Orlov", "Orlov=the president,he"]) == [
        Target("Orlov", ("he", "the president")),
        Target("Ilya Orlov"),
    ]
    said = told_json(annotate, "--target", "Orlov", "--target", "Orlov=the president")
    assert [(target["name"], target["mentions"]) for target in said["targets"]] == [("Orlov", 3)]


# --- bad input


@pytest.mark.parametrize(
    ("target", "problem"),
    [("", "an empty name"), ("  ", "an empty name"), ("=he", "an empty name"), ("Orlov=", "an empty alias"), ("Orlov=he,,she", "an empty alias")],
)
def test_an_empty_target_is_refused_in_one_line(annotate: Run, target: str, problem: str) -> None:
    status, out, err = annotate("--target", target)
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert problem in err and "NAME=ALIAS" in err


def test_a_target_without_a_stance_head_is_refused_with_what_mends_it(annotate: Run, tiny_bundle: Path) -> None:
    status, out, err = annotate("--target", "Orlov", bundles=[tiny_bundle])
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert "no bundle here tells stances" in err and "--bundle" in err and "experiment=stance/newsroom" in err


def test_five_hundred_targets_are_read_and_more_than_the_limit_refused(annotate: Run) -> None:
    many = [word for i in range(499) for word in ("--target", f"Person{i} Named{i}")]
    status, out, err = annotate(*many, "--target", "Orlov")
    assert status == 0 and "\nOrlov, 2 mentions\n" in out
    assert err.count("\n") == 1 and err.endswith("Person19 Named19 and 479 more\n") and "and 479 more" in " ".join(out.split())
    assert len(read_targets([f"T{i}" for i in range(MAX_TARGETS)])) == MAX_TARGETS
    with pytest.raises(ConfigError, match="1,001 targets are more than 1,000"):
        read_targets([f"T{i}" for i in range(MAX_TARGETS + 1)])


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff"])
def test_a_text_without_sentences_names_nobody(annotate: Run, text: str) -> None:
    status, out, err = annotate("--target", "Orlov", text=text)
    assert status == 0 and "does not mention Orlov" in err
    assert out.startswith("No sentences.") and "not in this text: Orlov" in out
    assert told_json(annotate, "--target", "Orlov", text=text)["targets"] == [{"name": "Orlov", "aliases": [], "mentions": 0}]


def test_mixed_scripts_are_read_and_shown(annotate: Run) -> None:
    text = "Президент Орлов delayed the vote. The minister Ωρλώφ met أورلوف on Monday. 奥尔洛夫 opened the bridge."
    names = ["Орлов", "Ωρλώφ", "أورلوف"]
    options = [word for name in names for word in ("--target", name)]
    said = told_json(annotate, *options, text=text)
    assert [(t["name"], t["mentions"]) for t in said["targets"]] == [(name, 1) for name in names]
    for sentence in said["sentences"]:
        for stance in sentence["stance"]:
            assert text[stance["start"] : stance["end"]] == stance["target"]
    _, out, err = annotate(*options, text=text)
    assert all(f"\n{name}, 1 mention\n" in out for name in names) and err == ""


def test_a_sentence_of_five_thousand_words_tells_that_it_was_cut(annotate: Run, tmp_path: Path) -> None:
    text = "Orlov delayed " + "the annual vote and " * 1250 + "the council rejected Lind."
    options = ("--target", "Orlov", "--target", "Lind")
    said = told_json(annotate, *options, text=text)
    (sentence,) = said["sentences"]
    assert sentence["truncated"] and [stance["target"] for stance in sentence["stance"]] == ["Orlov"]
    assert [target["mentions"] for target in said["targets"]] == [1, 1]
    _, out, err = annotate(*options, text=text)
    assert "1 longer than the model reads" in " ".join(out.split()) and "Lind, 1 mention\n  no stance told" in out and err == ""
    page = tmp_path / "page.html"
    annotate(*options, "--html", str(page), text=text)
    assert "1 sentence was longer than the model reads" in page.read_text(encoding="utf-8")


def test_the_newest_bundle_below_runs_that_marks_loaded_language_is_found(
    tiny_bundle: Path, tiny_stance_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLANT_BUNDLE", raising=False)
    monkeypatch.setenv("SLANT_HOME", str(tmp_path))
    made = []
    for number, source in enumerate((tiny_bundle, tiny_bundle, tiny_stance_bundle)):
        made.append(tmp_path / "runs" / str(number) / "bundle")
        made[-1].mkdir(parents=True)
        (made[-1] / "bundle.json").write_bytes((source / "bundle.json").read_bytes())
        os.utime(made[-1] / "bundle.json", (number, number))
    assert find_bundles(None) == [made[1]]
    assert find_bundles(["a", "b"]) == [Path("a"), Path("b")]
    for loaded in made[:2]:
        (loaded / "bundle.json").unlink()
    assert find_bundles(None) == [made[2]], "opening it says what it lacks"


# --- hostile names

HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "override": "evil \u202elive\u2066",
    "screen": "\x1b[2J\x1b]0;owned\x07\x9b2J",
    "lines": "one\ntwo\r\u2028three\x85",
    "emoji": "👩‍👩‍👧‍👦 Z̷̢",
    "rich": "[bold red]x[/] :smile:",
    "template": "{{ 7 * 7 }} {% raw %}",
    "long": "x" * 5000,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("occurs", [True, False])
def test_a_hostile_name_is_shown_as_text_everywhere(annotate: Run, tmp_path: Path, kind: str, occurs: bool) -> None:
    name = HOSTILE[kind]
    options = ("--target", f"Orlov={name}" if occurs else name, "--target", f"{name} {name}".replace("=", ""))
    plain = ("--target", "Orlov=somebody" if occurs else "somebody", "--target", "nobody")
    page = tmp_path / "page.html"
    status, out, err = annotate(*options)
    assert status == 0 and not ACTS.search(out) and not ACTS.search(err) and err.count("\n") == 1
    assert len(err) < 200, "a very long name is cut"
    tags = []
    for given in (options, plain):
        assert annotate(*given, "--html", str(page))[0] == 0
        source = page.read_text(encoding="utf-8")
        tags.append(re.findall(r"<([a-z]+)(?: ([a-z-]+)=)?", source.split("</head>")[1]))
        assert not ACTS.search(source.split("<article>")[0].split("</head>")[1])
    assert tags[0] == tags[1], "nothing of the name became an element or an attribute"
    _, printed, _ = annotate(*options, "--json")
    assert not ACTS.search(printed), "JSON spells what acts as escapes"
    spelled = json.loads(printed)["targets"][0]
    assert " ".join(name.split()) in spelled["aliases"] if occurs else " ".join(name.partition("=")[0].split()) == spelled["name"]


def test_a_name_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(ConfigError, match="not UTF-8") as caught:
        read_targets(["Orl\udcffov"])
    str(caught.value).encode("utf-8")
