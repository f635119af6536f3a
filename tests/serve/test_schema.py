"""Contract 5 as JSON: what is written fits the published schema, and what does not fit is refused by name."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.serve.schema import annotation_from_json, annotation_schema, annotation_to_json, sentence_to_json

CASES = Path(__file__).parents[1] / "cases"
CASE = json.loads((CASES / "annotation_3.json").read_text(encoding="utf-8"))


def case() -> dict[str, Any]:
    """An annotation as this version writes it, with targets and stances; a copy of your own."""
    return copy.deepcopy(CASE)


@cache
def published() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(annotation_schema())
    return jsonschema.Draft202012Validator(annotation_schema())


def test_an_annotation_fits_the_published_schema_and_comes_back() -> None:
    annotation = annotation_from_json(case())
    data = json.loads(json.dumps(annotation_to_json(annotation)))
    published().validate(data)
    assert data == case()
    assert annotation_from_json(data) == annotation


def test_an_empty_annotation_fits() -> None:
    data = annotation_to_json(Annotation([], []))
    published().validate(data)
    assert annotation_from_json(data) == Annotation([], [])


PROBABILITIES = st.floats(0, 1)
VOICES = st.sampled_from([None, "author", "quoted"])
NAMES = st.none() | st.text()
PLACES = st.none() | st.integers(0, 10**9)
SPANS = st.builds(AnnotatedSpan, st.integers(0, 10**9), st.integers(0, 10**9), st.text(min_size=1), PROBABILITIES, VOICES, NAMES)
CHANCES = st.builds(lambda a, n, f: {"against": a, "neutral": n, "favor": f}, PROBABILITIES, PROBABILITIES, PROBABILITIES)
TARGETS = st.sampled_from(["Orlov", "\x1b[31m\u202e<b>", "奥尔洛夫", "🙂"])
STANCES = st.builds(AnnotatedStance, TARGETS, PLACES, PLACES, st.sampled_from(["against", "neutral", "favor"]), CHANCES, st.booleans())
LABELS = st.builds(Label, st.sampled_from(["neutral", "loaded"]), PROBABILITIES, st.booleans())
SENTENCES = st.builds(
    AnnotatedSentence,
    start=st.integers(0, 10**9),
    end=st.integers(0, 10**9),
    text=st.text(min_size=1),
    loaded=LABELS,
    spans=st.lists(SPANS, max_size=2),
    voice=VOICES | st.just("mixed"),
    speaker=NAMES,
    speaker_start=PLACES,
    speaker_end=PLACES,
    stance=st.lists(STANCES, max_size=2),
    truncated=st.booleans(),
)


LISTED = st.lists(st.builds(AnnotatedTarget, TARGETS, st.lists(st.text(), max_size=2), st.integers(0, 10**6)), max_size=2)


@given(st.builds(Annotation, st.lists(SENTENCES, max_size=3), st.just(CASE["bundles"]), targets=LISTED))
def test_whatever_is_annotated_fits_and_comes_back_but_for_the_seventh_decimal(annotation: Annotation) -> None:
    data = annotation_to_json(annotation)
    published().validate(data)
    back = annotation_from_json(json.loads(json.dumps(data)))
    assert annotation_to_json(back) == data
    for before, after in zip(annotation.sentences, back.sentences, strict=True):
        assert after.loaded.probability == pytest.approx(before.loaded.probability, abs=5e-7)
        kept = ("start", "end", "text", "voice", "speaker", "speaker_start", "speaker_end", "truncated")
        assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
        assert [(span.voice, span.speaker) for span in after.spans] == [(span.voice, span.speaker) for span in before.spans]
        told = [[(s.target, s.start, s.end, s.label, s.abstained) for s in sentence.stance] for sentence in (before, after)]
        assert told[0] == told[1]
    assert back.targets == annotation.targets


def test_probabilities_have_six_decimals() -> None:
    label, span = Label("loaded", 0.123456789), AnnotatedSpan(0, 1, "a", 0.987654321)
    stance = AnnotatedStance("x", 0, 1, "against", {"against": 1 / 3, "neutral": 1 / 3, "favor": 1 / 3})
    [sentence] = annotation_to_json(Annotation([AnnotatedSentence(0, 1, "a", label, [span], stance=[stance])], []))["sentences"]
    assert sentence["loaded"]["probability"] == 0.123457
    assert sentence["spans"][0]["probability"] == 0.987654
    assert sentence["stance"][0]["probabilities"]["favor"] == 0.333333


def test_the_json_and_the_schema_are_copies() -> None:
    annotation = annotation_from_json(case())
    annotation_to_json(annotation)["bundles"][0]["id"] = "other"
    annotation_schema()["properties"].clear()
    assert annotation.bundles[0]["id"] == CASE["bundles"][0]["id"]
    assert set(annotation_schema()["properties"]) == {"schema_version", "bundles", "targets", "sentences", "summary"}


def test_a_bundle_may_say_more_of_itself() -> None:
    data = case()
    data["bundles"][0]["licence"] = "CC0-1.0"
    published().validate(data)
    assert annotation_from_json(data).bundles[0]["licence"] == "CC0-1.0"


def first() -> dict[str, Any]:
    """An annotation as version 1 wrote it; a copy of your own."""
    data: dict[str, Any] = json.loads((CASES / "annotation_1.json").read_text(encoding="utf-8"))
    return data


def test_the_schema_of_version_1_is_as_it_was_published() -> None:
    assert annotation_schema(1) == json.loads((CASES / "annotation_schema_1.json").read_text(encoding="utf-8"))
    pytest.importorskip("jsonschema").validate(first(), annotation_schema(1))
    with pytest.raises(KeyError):
        annotation_schema(4)


def test_version_2_is_as_it_was_published_and_read_as_the_present_one() -> None:
    assert annotation_schema(2) == json.loads((CASES / "annotation_schema_2.json").read_text(encoding="utf-8"))
    second = json.loads((CASES / "annotation_2.json").read_text(encoding="utf-8"))
    pytest.importorskip("jsonschema").validate(second, annotation_schema(2))
    annotation = annotation_from_json(second)
    probabilities = {"against": 0.7, "neutral": 0.2, "favor": 0.1}
    assert annotation.sentences[4].stance == [AnnotatedStance("the mayor", 320, 329, "against", probabilities, abstained=False)]
    assert annotation.targets == [AnnotatedTarget("the mayor", [], 1)], "the targets that its stances name"
    data = annotation_to_json(annotation)
    published().validate(data)
    for key in ("sentences", "spans", "words"):
        assert data["summary"][key] == second["summary"][key]
    second["targets"] = []
    with pytest.raises(DataError, match="unknown key 'targets'"):
        annotation_from_json(second)


def test_a_scored_sentence_is_an_item_of_the_schemas_sentences() -> None:
    sentence = AnnotatedSentence(0, 3, "Hm.", Label("neutral", 0.25), stance=[AnnotatedStance("Orlov", None, None, "favor", {"favor": 1.0}, True)])
    written = sentence_to_json(sentence)
    assert written["loaded"] == {"label": "neutral", "probability": 0.25, "abstained": False}
    assert written["stance"] == [
        {"target": "Orlov", "start": None, "end": None, "label": "favor", "probabilities": {"favor": 1.0}, "abstained": True}
    ]
    whole = [sentence_to_json(sentence) for sentence in annotation_from_json(case()).sentences]
    assert whole == case()["sentences"]


def test_version_1_is_read_and_written_as_the_present_one() -> None:
    annotation = annotation_from_json(first())
    quoted = annotation.sentences[3]
    assert (annotation.schema_version, quoted.voice, quoted.speaker, quoted.speaker_start) == (3, "quoted", "Mara Lindqvist", None)
    assert quoted.spans[0].speaker is None and annotation.sentences[0].voice is None
    data = annotation_to_json(annotation)
    published().validate(data)
    assert annotation_from_json(data) == annotation
    tallies = {voice: tally["sentences"] for voice, tally in data["summary"]["sentences"].items()}
    assert tallies == {"all": 12, "author": 0, "quoted": 1, "mixed": 0}, "the eleven whose voice is not told are under all alone"


def test_version_1_is_refused_what_came_later() -> None:
    later = first()
    later["sentences"][3]["voice"] = "mixed"
    with pytest.raises(DataError, match="must be one of"):
        annotation_from_json(later)
    later = first()
    later["sentences"][0]["speaker_start"] = None
    with pytest.raises(DataError, match="unknown key 'speaker_start'"):
        annotation_from_json(later)


def test_the_committed_annotation_of_the_demo_is_read() -> None:
    path = Path(__file__).parents[2] / "experiments/02-annotate/annotation.json"
    assert len(annotation_from_json(json.loads(path.read_text(encoding="utf-8"))).sentences) == 13


GONE = object()
BREACHES: list[tuple[str, object, str]] = [
    ("schema_version", GONE, "schema_version None is not 1, 2 or 3"),
    ("schema_version", 4, "schema_version 4 is not 1, 2 or 3"),
    ("schema_version", 1, "unknown key 'targets'"),
    ("schema_version", True, "schema_version"),
    ("extra", 1, "unknown key 'extra'"),
    ("sentences", {}, "annotation.sentences: must be array"),
    ("sentences.0.start", "0", "sentences[0].start: must be integer"),
    ("sentences.0.start", True, "sentences[0].start: must be integer, not bool"),
    ("sentences.0.start", -1, "outside [0"),
    ("sentences.0.text", "", "must not be empty"),
    ("sentences.0.voice", "nobody", "must be one of"),
    ("sentences.0.speaker", 3, "sentences[0].speaker: must be string or null"),
    ("sentences.0.speaker_start", "3", "sentences[0].speaker_start: must be integer or null"),
    ("sentences.0.speaker_end", GONE, "'speaker_end' is missing"),
    ("sentences.1.spans.0.voice", "mixed", "must be one of ['author', 'quoted', None], not 'mixed'"),
    ("sentences.1.spans.0.speaker", GONE, "'speaker' is missing"),
    ("summary", GONE, "'summary' is missing"),
    ("summary.sentences.mixed", GONE, "'mixed' is missing"),
    ("summary.sentences.quoted.loaded_rate", 1.5, "outside"),
    ("summary.spans.mixed", 1, "unknown key 'mixed'"),
    ("summary.words.0.sentence", -1, "summary.words[0].sentence"),
    ("sentences.0.truncated", 1, "must be boolean"),
    ("sentences.0.loaded.label", "biased", "must be one of ['neutral', 'loaded'], not 'biased'"),
    ("sentences.0.loaded.probability", 1.01, "1.01 lies outside [0, 1]"),
    ("sentences.0.loaded.probability", GONE, "'probability' is missing"),
    ("sentences.1.spans.0.probability", None, "sentences[1].spans[0].probability: must be number"),
    ("sentences.1.spans.0.label", "loaded", "unknown key 'label'"),
    ("sentences.4.stance.0.probabilities.favor", GONE, "'favor' is missing"),
    ("sentences.4.stance.0.abstained", GONE, "'abstained' is missing"),
    ("sentences.4.stance.0.label", "pro", "must be one of ['against', 'neutral', 'favor'], not 'pro'"),
    ("targets", GONE, "'targets' is missing"),
    ("targets.0.name", "", "targets[0].name: must not be empty"),
    ("targets.0.aliases.0", 3, "targets[0].aliases[0]: must be string"),
    ("targets.0.mentions", -1, "outside [0"),
    ("summary.targets.0.stance.quoted.abstained", GONE, "'abstained' is missing"),
    ("summary.targets.0.loaded.author.sentences", 0.5, "must be integer"),
    ("summary.targets.0.words.0", -1, "outside [0"),
    ("bundles.0.id", GONE, "'id' is missing"),
    ("bundles.0.threshold", 1.5, "outside"),
    ("bundles.0.task", "irony", "must be one of"),
]


@pytest.mark.parametrize(("path", "value", "said"), BREACHES)
def test_what_does_not_fit_is_refused_as_the_published_schema_refuses_it(path: str, value: object, said: str) -> None:
    data = case()
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = data
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    with pytest.raises(DataError) as caught:
        annotation_from_json(data)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not published().is_valid(data)


@pytest.mark.parametrize("value", [None, [], "annotation", 1])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(DataError, match="must be object"):
        annotation_from_json(value)


def test_nan_is_no_probability() -> None:
    data = case()
    data["sentences"][0]["loaded"]["probability"] = float("nan")
    with pytest.raises(DataError, match="nan lies outside"):
        annotation_from_json(data)


def test_an_error_does_not_repeat_a_huge_value() -> None:
    data = case()
    data["sentences"][0]["loaded"]["label"] = "x" * 100_000
    with pytest.raises(DataError) as caught:
        annotation_from_json(data)
    assert len(str(caught.value)) < 400
