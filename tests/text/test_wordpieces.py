"""Word pieces: which word each belongs to, on the tiny tokenizer and, where it is installed, on MiniLM's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slant.errors import EncoderError
from slant.models.encoder import resolve_encoder
from slant.text import find_words
from slant.text.wordpieces import Pieces, Wordpieces, pad_pieces

TRICKY = [
    "The vile minister presented the heroic budget on Monday.",
    "Don't trust O’Brien's “left-wing” U.S.-backed 1,234.5% plan at 5 p.m.",
    "Caf\u00e9, cafe\u0301, na\u00efve E\u0301mile, \u0130stanbul, stra\u00dfe, \ufb01nal",
    "汉字是 пусто हिन्दी می\u200cخواهم ภาษาไทย",
    "liar\U0001f389 \U0001f937\U0001f3fd\u200d\u2642\ufe0f 1\ufe0f\u20e3 \U0001f1fa\U0001f1f8 war\u00admonger a\u200bb",
    "\u0000 control\u0007 \ufeffbom \ufffd vile\u2028line\u0085next",
    "\U0001d49c\U0001d4c3\U0001d454\u212f\U0001d4c7 \U00010400\U00010401 Z\u0351\u036b\u0343\u036aa\u0302\u0351lgo",
    "[CLS] vile [SEP] [MASK] ##ing [UNK] </s> <pad>",
    "a" * 300 + " vile",
    "a/b\\c_d@e#f--g...h",
    "   leading and trailing   ",
    "don't" * 20,
]

Encode = Callable[[str], Pieces]


@pytest.fixture(scope="session")
def tiny(tiny_encoder: Path) -> Wordpieces:
    return Wordpieces.from_file(tiny_encoder / "tokenizer.json", 512)


@pytest.fixture(scope="session")
def minilm() -> Wordpieces:
    try:
        return Wordpieces.from_file(resolve_encoder().path / "tokenizer.json", 512)
    except EncoderError as error:
        pytest.skip(f"no MiniLM: {error}")


@pytest.fixture(scope="session", params=["tiny", "minilm"])
def wordpieces(request: pytest.FixtureRequest) -> Wordpieces:
    found: Wordpieces = request.getfixturevalue(request.param)
    return found


def check(text: str, pieces: Pieces) -> None:
    """What must hold of any text."""
    assert len(pieces.ids) == len(pieces.word_of)
    inside = pieces.word_of[pieces.word_of >= 0]
    # Words in reading order, each with pieces, and the pieces of one word side by side.
    assert (np.diff(inside) >= 0).all()
    assert sorted(set(inside.tolist())) == list(range(len(pieces.words)))
    places = np.flatnonzero(pieces.word_of >= 0)
    for word in range(len(pieces.words)):
        mine = places[inside == word]
        assert mine[-1] - mine[0] == len(mine) - 1
    assert pieces.word_of[0] == pieces.word_of[-1] == -1  # [CLS] and [SEP]
    listed = find_words(text)
    assert [word for word in listed if word in set(pieces.words)] == pieces.words


@pytest.mark.parametrize("text", TRICKY)
def test_tricky_texts(wordpieces: Wordpieces, text: str) -> None:
    (pieces,) = wordpieces.encode([text])
    check(text, pieces)
    assert not pieces.truncated


@pytest.mark.parametrize("text", [TRICKY[i] for i in (0, 1, 2, 8, 9, 10)])
def test_every_word_of_ordinary_text_is_read(wordpieces: Wordpieces, text: str) -> None:
    assert wordpieces.encode([text])[0].words == find_words(text)


@given(text=st.text(max_size=60) | st.lists(st.sampled_from(TRICKY), max_size=2).map(" ".join))
def test_any_text(tiny: Wordpieces, text: str) -> None:
    check(text, tiny.encode([text])[0])


def test_pieces_belong_to_the_words_they_spell(tiny: Wordpieces) -> None:
    text = "The glorious mayor, don't!"
    (pieces,) = tiny.encode([text])
    words = [text[start:end] for start, end in pieces.words]
    assert words == ["The", "glorious", "mayor", "don't"]
    spelt = [tiny._tokenizer.id_to_token(int(i)) for i in pieces.ids]
    of_word = [[piece for piece, word in zip(spelt, pieces.word_of, strict=True) if word == n] for n in range(4)]
    assert ["".join(pieces).replace("##", "") for pieces in of_word] == ["the", "glorious", "mayor", "don't"]
    assert of_word[1] == ["glor", "##ious"]
    assert [piece for piece, word in zip(spelt, pieces.word_of, strict=True) if word == -1] == ["[CLS]", ",", "!", "[SEP]"]


def test_words_without_a_gap_keep_their_own_pieces(tiny: Wordpieces) -> None:
    (pieces,) = tiny.encode(["U.S.Vote"])
    assert pieces.words == [(0, 4), (4, 8)]
    assert pieces.word_of.tolist() == [-1, 0, 0, 0, 0, 1, -1]


def test_offsets_count_code_points(tiny: Wordpieces) -> None:
    text = "\U0001f389\U0001f937\U0001f3fd caf\u00e9 \u201cvile\u201d"
    assert [text[start:end] for start, end in tiny.encode([text])[0].words] == ["caf\u00e9", "vile"]


@pytest.mark.parametrize("text", ["", " \n", "\U0001f389\U0001f389 \U0001f937\u200d\u2642\ufe0f", "\u201c\u2026!?\u201d"])
def test_texts_without_words(wordpieces: Wordpieces, text: str) -> None:
    (pieces,) = wordpieces.encode([text])
    check(text, pieces)
    assert pieces.words == []
    assert (pieces.word_of == -1).all()
    assert not pieces.truncated


def test_no_texts(tiny: Wordpieces) -> None:
    assert tiny.encode([]) == []


# --- limits


def test_truncation_is_told_exactly(tiny_encoder: Path) -> None:
    wordpieces = Wordpieces.from_file(tiny_encoder / "tokenizer.json", 8)
    fits, over = wordpieces.encode(["the vote on the second plan", "the vote on the second plan."])
    assert (len(fits.ids), fits.truncated, len(fits.words)) == (8, False, 6)
    assert (len(over.ids), over.truncated, len(over.words)) == (8, True, 6)
    check("the vote on the second plan.", over)


def test_a_word_cut_in_its_middle_is_still_listed_and_words_not_read_are_not(tiny_encoder: Path) -> None:
    wordpieces = Wordpieces.from_file(tiny_encoder / "tokenizer.json", 5)
    (pieces,) = wordpieces.encode(["the vote glorious mayor"])
    assert pieces.words == [(0, 3), (4, 8), (9, 17)]
    assert pieces.word_of.tolist() == [-1, 0, 1, 2, -1]
    assert pieces.truncated


def test_a_long_text_is_read_to_its_limit_and_no_further(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wordpieces = Wordpieces.from_file(tiny_encoder / "tokenizer.json", 256)
    text = "the vile mayor " * 6_667
    assert len(text) > 100_000
    longest: list[int] = []
    tokenizer = wordpieces._tokenizer

    class Spy:
        def encode_batch(self, texts: list[str]) -> object:
            longest.append(max(map(len, texts)))
            return tokenizer.encode_batch(texts)

    monkeypatch.setattr(wordpieces, "_tokenizer", Spy())
    pieces, short = wordpieces.encode([text, "vile"])
    assert longest == [256 * 40]
    assert pieces.truncated
    assert not short.truncated
    check(text[: 256 * 40], pieces)
    assert len(pieces.ids) == 256
    assert pieces.words == find_words(text)[: len(pieces.words)]


def test_the_fast_path_changes_no_answer(tiny_encoder: Path) -> None:
    """Text past what 40 characters a piece can reach is not tokenised; what is read is the same as with a limit far away."""
    wordpieces = Wordpieces.from_file(tiny_encoder / "tokenizer.json", 16)
    text = "the vile mayor presented a plan and rejected the second vote on Monday. " * 20
    (cut,) = wordpieces.encode([text])
    (whole,) = wordpieces.encode([text[: 16 * 40]])
    assert len(text) > 16 * 40
    assert cut.ids.tolist() == whole.ids.tolist()
    assert (cut.words, cut.truncated, whole.truncated) == (whole.words, True, True)


@pytest.mark.parametrize(("gap", "words"), [(" ", [(0, 4)]), ("a", [])])
def test_text_past_the_fast_paths_reach_is_told(tiny: Wordpieces, gap: str, words: list[tuple[int, int]]) -> None:
    """White space makes no pieces and an endless word makes one, so that the encoder is far from full when the text is cut."""
    long = gap * 512 * 40
    (pieces,) = tiny.encode(["vile" + long + " evil"])
    assert len(pieces.ids) == 3
    assert pieces.words[: len(words)] == words
    assert pieces.truncated
    assert not tiny.encode(["vile" + " " * 512 * 40])[0].truncated


# --- batches


def test_a_text_reads_the_same_alone_and_in_company(wordpieces: Wordpieces) -> None:
    together = wordpieces.encode(TRICKY)
    for text, pieces in zip(TRICKY, together, strict=True):
        (alone,) = wordpieces.encode([text])
        assert alone.ids.tolist() == pieces.ids.tolist()
        assert alone.word_of.tolist() == pieces.word_of.tolist()
        assert (alone.words, alone.truncated) == (pieces.words, pieces.truncated)


def test_padding_hides_nothing_and_adds_nothing(tiny: Wordpieces) -> None:
    batch = tiny.encode(TRICKY[:3] + [""])
    padded = pad_pieces(batch)
    assert list(padded) == ["input_ids", "attention_mask", "word_of"]
    longest = max(len(pieces.ids) for pieces in batch)
    for name, table in padded.items():
        assert (table.shape, table.dtype) == ((4, longest), np.int64), name
    for row, pieces in enumerate(batch):
        length = len(pieces.ids)
        assert padded["attention_mask"][row].tolist() == [1] * length + [0] * (longest - length)
        assert padded["input_ids"][row].tolist() == pieces.ids.tolist() + [0] * (longest - length)
        assert padded["word_of"][row].tolist() == pieces.word_of.tolist() + [-1] * (longest - length)


# --- files that are none


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe", b'{"version": "1.0"}'])
def test_a_file_that_is_no_tokenizer(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EncoderError, match="not a readable tokenizer.json") as caught:
        Wordpieces.from_file(path, 16)
    assert caught.value.where == str(path)


def test_settings_stored_in_the_file_do_not_count(tiny_encoder: Path, tmp_path: Path) -> None:
    """MiniLM's own file pads to 128 and cuts at 128; only the limit given here counts."""
    from tokenizers import Tokenizer

    stored = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    stored.enable_padding(length=64)
    stored.enable_truncation(4)
    stored.save(str(tmp_path / "tokenizer.json"))
    (pieces,) = Wordpieces.from_file(tmp_path / "tokenizer.json", 16).encode(["the vote on the second plan"])
    assert (len(pieces.ids), pieces.truncated) == (8, False)
