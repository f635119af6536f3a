"""Where words end, told by the pieces' numbers alone: `slant.text.find_words` for whoever has a tokenizer.json and no Slant."""

from __future__ import annotations

import unicodedata
from typing import Any

__all__ = ["BREAKS", "JOINS", "mark_words"]

#: What a piece is to words: no part of one, the beginning of one, more of the one before, more of it and of the one behind.
BREAKS, BEGINS, GOES_ON, JOINS = range(4)

_W = r"\p{L}\p{N}\p{Mn}\p{Mc}"
_FIRST_MARK = 0xE000  # private use: BERT's normaliser takes such characters out of every text before these are put in
# Apostrophes and hyphens of find_words that BERT's tokenizer cuts off; stops of initials, and between digits.
_JOINERS = "'’＇-‐‑"
_PERCENT = "%‰"


def mark_words(tokenizer: dict[str, Any]) -> tuple[list[int], list[int]] | None:
    """Let the tokenizer give numbers of their own to what joins words; None for one that is not BERT's word pieces.

    Changes `tokenizer`, the JSON of a `tokenizer.json`. Returns, for each number that it then gives, the encoder's own piece and one of BREAKS,
    BEGINS, GOES_ON, JOINS. The pieces, turned back, are those that the tokenizer gave before.
    """
    model = tokenizer["model"]
    kinds = [tokenizer.get(part, {}) and tokenizer[part].get("type") for part in ("normalizer", "pre_tokenizer")]
    if model.get("type") != "WordPiece" or kinds != ["BertNormalizer", "BertPreTokenizer"] or not tokenizer["normalizer"].get("clean_text"):
        return None
    vocabulary: dict[str, int] = model["vocab"]
    unknown = vocabulary[model["unk_token"]]
    pieces = list(range(max(vocabulary.values()) + 1))
    special = {token["id"] for token in tokenizer.get("added_tokens", [])} | {unknown}
    words = [BREAKS] * len(pieces)
    prefix = model.get("continuing_subword_prefix", "##")
    for piece, number in vocabulary.items():
        plain = piece.removeprefix(prefix) if len(piece) > len(prefix) else piece
        if number not in special and any(character.isalnum() or unicodedata.category(character) in ("Mn", "Mc") for character in plain):
            words[number] = BEGINS if plain == piece else GOES_ON
    rules: list[dict[str, Any]] = []

    def mark(character: str, kind: int, pattern: str) -> str:
        """Another number for the character where the pattern finds it; returns what stands for it in the text from then on."""
        name = chr(_FIRST_MARK + len(rules))
        rules.append({"type": "Replace", "pattern": {"Regex": pattern}, "content": name})
        vocabulary[name] = len(pieces)
        pieces.append(vocabulary.get(character, unknown))
        words.append(kind)
        return name

    alone = rf"(?:(?<=[^{_W}]\p{{L}})|(?<=^\p{{L}}))"
    initial = mark(".", JOINS, rf"{alone}\.(?=\p{{L}}(?![{_W}]))")
    last = mark(".", GOES_ON, rf"(?<={initial}\p{{L}})\.")
    for character in ".,":
        mark(character, JOINS, rf"(?<=\p{{Nd}}){'[.]' if character == '.' else ','}(?=\p{{Nd}})")
    percents = "".join(mark(character, GOES_ON, rf"(?<=\p{{Nd}}){character}") for character in _PERCENT)
    for character in _JOINERS:
        mark(character, JOINS, rf"(?<=[{_W}{last}{percents}]){character}(?=[{_W}])")
    tokenizer["normalizer"] = {"type": "Sequence", "normalizers": [tokenizer["normalizer"], *rules]}
    marks = f"[{chr(_FIRST_MARK)}-{chr(_FIRST_MARK + len(rules) - 1)}]"
    apart = {"type": "Split", "pattern": {"Regex": marks}, "behavior": "Isolated", "invert": False}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [apart, tokenizer["pre_tokenizer"]]}
    return pieces, words
