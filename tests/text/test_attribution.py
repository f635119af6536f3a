"""The quick look that spares a sentence without words of speech from being cut into tokens."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from slant.text import speech
from slant.text.attribution import find_attributions, may_attribute
from slant.text.tokens import tokenize

WORDS = [*random.Random(1).sample(sorted(speech.SAY | speech.JUDGE | speech.SPEECH_NOUNS), 60), "according", "to", "Orlov", "mayor", "rain", "fell"]
PIECES = st.sampled_from(WORDS).flatmap(
    lambda word: st.sampled_from([word, word.upper(), word.title(), f"{word}'s", f"“{word}", f"x-{word}", f"{word}1"])
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=8).map(" ".join))
def test_what_is_passed_over_attributes_nothing(text: str) -> None:
    found = find_attributions(list(tokenize(text, 0, len(text))))
    assert may_attribute(text) or not found


def test_it_passes_over_what_has_no_word_of_speech_and_nothing_else() -> None:
    assert not may_attribute("Rain fell on the quay on Monday.")
    assert may_attribute("Orlov SAID so.") and may_attribute("According to Orlov, it fell.")
