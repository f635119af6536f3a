"""The published schema of an annotation: valid, kept by what is written, and enforced on what is read."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import DataError
from slant.records import AnnotatedSentence, AnnotatedSpan, AnnotatedStance, AnnotatedTarget, Annotation, Label
from slant.serve import Annotator
from slant.serve.schema import DECIMALS, annotation_from_json, annotation_schema, annotation_to_json

Document = dict[str, Any]
CASE = json.loads((Path(__file__).parents[1] / "cases" / "annotation_3.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(annotation_schema())


def document() -> Document:
    """The invented article's annotation as JSON, with targets and stances; a copy of your own."""
    said: Document = copy.deepcopy(CASE)
    return said


# --- what is published


def test_the_schema_is_a_copy_of_ones_own() -> None:
    annotation_schema()["properties"]["sentences"]["items"]["required"].clear()
    assert annotation_schema()["properties"]["sentences"]["items"]["required"]


def test_the_schema_has_the_fields_of_the_records() -> None:
    whole = annotation_schema()
    sentence = whole["properties"]["sentences"]["items"]
    # The summary follows from the sentences, and so no record holds it.
    del whole["properties"]["summary"]
    whole["required"].remove("summary")
    described = {
        Annotation: whole,
        AnnotatedSentence: sentence,
        AnnotatedSpan: sentence["properties"]["spans"]["items"],
        AnnotatedStance: sentence["properties"]["stance"]["items"],
        AnnotatedTarget: whole["properties"]["targets"]["items"],
        Label: sentence["properties"]["loaded"],
    }
    for record, schema in described.items():
        fields = {field.name for field in dataclasses.fields(record)}
        assert set(schema["properties"]) == set(schema["required"]) == fields, record
        assert schema["additionalProperties"] is False


# --- there and back


def test_neither_way_shares_anything_with_its_source() -> None:
    source = document()
    told = annotation_from_json(source)
    written = annotation_to_json(told)
    written["bundles"][0]["id"] = "written"
    assert told.bundles == document()["bundles"]
    told.bundles[0]["id"] = "told"
    told.sentences[4].stance[0].probabilities["against"] = 0.0
    told.targets[0].aliases.append("told")
    written["targets"][1]["aliases"].append("written")
    assert told.targets[1].aliases == []
    assert source == document()
    assert written["sentences"] == document()["sentences"]


def test_what_an_annotator_says_keeps_the_schema(tiny_bundle: Path) -> None:
    annotator = Annotator.open(tiny_bundle)
    text = "The vile mayor delayed the vote. 🙂\r\n\r\nThe council approved the budget on Monday. " + "The heroic plan " * 300
    written = annotation_to_json(annotator.annotate(text))
    jsonschema.validate(written, annotation_schema())
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert any(sentence["spans"] for sentence in written["sentences"]) and written["sentences"][-1]["truncated"]


@pytest.mark.parametrize(("probability", "written"), [(1 / 3, 0.333333), (0.9999996, 1.0), (4e-7, 0.0), (0.1234565, 0.123456), (1, 1.0)])
def test_probabilities_are_rounded_to_six_decimals(probability: float, written: float) -> None:
    stance = AnnotatedStance("x", None, None, "favor", {"against": 0.0, "neutral": 0.0, "favor": probability})
    span = AnnotatedSpan(0, 3, "Hm.", probability)
    told = annotation_to_json(Annotation([AnnotatedSentence(0, 3, "Hm.", Label("loaded", probability), [span], stance=[stance])], []))
    (sentence,) = told["sentences"]
    assert sentence["loaded"]["probability"] == sentence["spans"][0]["probability"] == written
    assert sentence["stance"][0]["probabilities"] == {"against": 0.0, "neutral": 0.0, "favor": written}
    assert DECIMALS == 6 and VALIDATOR.is_valid(told)


def test_numpy_numbers_are_written_as_json_numbers() -> None:
    third = np.float32(1 / 3)
    label = Label("loaded", third, np.bool_(True))  # type: ignore[arg-type]
    told = annotation_to_json(Annotation([AnnotatedSentence(0, 3, "Hm.", label, [AnnotatedSpan(0, 2, "Hm", third)])], []))  # type: ignore[arg-type]
    assert json.loads(json.dumps(told))["sentences"][0]["loaded"] == {"label": "loaded", "probability": 0.333333, "abstained": True}


# --- what is refused

DROP = object()


def broken(place: tuple[str | int, ...], value: object) -> Any:
    """The document with another value at a place, or without it."""
    whole = document()
    holder: Any = whole
    for key in place[:-1]:
        holder = holder[key]
    if value is DROP:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return whole


@pytest.mark.parametrize("version", [4, 0, "2", True, 2.0, [2], None, DROP])
def test_another_version_is_refused_with_advice(version: object) -> None:
    with pytest.raises(DataError, match="schema_version") as caught:
        annotation_from_json(broken(("schema_version",), version))
    assert "version of slant that wrote it" in caught.value.remedy


@pytest.mark.parametrize(
    ("place", "value", "where", "problem"),
    [
        # The two in which the reader is stricter than the standard.
        (("sentences", 2, "start"), 3.0, "annotation.sentences[2].start", "must be integer"),
        (("sentences", 3, "spans", 1, "probability"), float("nan"), "annotation.sentences[3].spans[1].probability", "outside"),
        (("sentences", 2), None, "annotation.sentences[2]", "must be object"),
        (("sentences", 2, "loaded", "certainty"), 1, "annotation.sentences[2].loaded", "unknown key 'certainty'"),
        (("sentences", 3, "spans", 1, "voice"), DROP, "annotation.sentences[3].spans[1]", "'voice' is missing"),
        (("sentences", 4, "stance", 0, "end"), 1.5, "annotation.sentences[4].stance[0].end", "must be integer or null"),
    ],
)
def test_a_broken_document_is_refused_where_it_is_broken(place: tuple[str | int, ...], value: object, where: str, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        annotation_from_json(broken(place, value))
    assert caught.value.where == where
    assert problem in caught.value.problem
    assert "annotation_schema" in caught.value.remedy


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*at, key)
        yield from places(value[key], (*at, key))


# No whole-numbered floats, in which alone the reader is stricter than the standard.
JUNK = st.sampled_from(
    [None, True, False, 0, 1, -1, 2, 10**400, 0.5, 1.5, -0.5, "", "x", "loaded", "against", "author", "mixed", [], [1], {}, {"x": 1}, DROP]
)


@given(st.sampled_from(sorted(places(document()), key=repr)), JUNK)
def test_what_is_read_is_what_is_published(place: tuple[str | int, ...], value: object) -> None:
    changed = broken(place, value)
    try:
        annotation_from_json(copy.deepcopy(changed))
    except DataError:
        read = False
    else:
        read = True
    assert read == VALIDATOR.is_valid(changed)
