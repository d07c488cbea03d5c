"""BERT's tokenizer for English text: lower case, words, pieces of words (Devlin et al. 2018).

The same numbers as the ``tokenizers`` package gives with the same ``tokenizer.json``, for text in
Latin script; a test compares them. Here so that preparing an example needs no binary package.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_LONGEST_WORD = 100
_JOINED = "##"
_CONTROLS = {"Cc", "Cf", "Cn", "Co", "Cs"}
_ASCII_SIGNS = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordPiece:
    """``vocabulary``: the number of each piece."""

    vocabulary: Mapping[str, int]

    @classmethod
    def read(cls, path: Path) -> WordPiece:
        """From a ``tokenizer.json``."""
        return cls(vocabulary=json.loads(path.read_text())["model"]["vocab"])

    def numbers(self, text: str, length: int) -> list[int]:
        """[CLS], the text's pieces, [SEP], then [PAD]: exactly ``length`` of them."""
        found = [number for word in words(text) for number in self._pieces(word)]
        first, last, padding = (self.vocabulary[name] for name in ("[CLS]", "[SEP]", "[PAD]"))
        kept = [first, *found[: length - 2], last]
        return kept + [padding] * (length - len(kept))

    def _pieces(self, word: str) -> list[int]:
        """Always the longest piece that fits; the unknown token if the word has none."""
        found: list[int] = []
        begin = 0
        while begin < len(word) <= _LONGEST_WORD:
            prefix = _JOINED if begin else ""
            ends = range(len(word), begin, -1)
            end = next((e for e in ends if prefix + word[begin:e] in self.vocabulary), None)
            if end is None:
                break
            found.append(self.vocabulary[prefix + word[begin:end]])
            begin = end
        return found if begin == len(word) else [self.vocabulary["[UNK]"]]


def words(text: str) -> Iterator[str]:
    """Words in lower case without accents; each punctuation mark is one."""
    plain = unicodedata.normalize("NFD", _clean(text))
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn").lower()
    word = ""
    for character in plain:
        if character.isspace() or _is_sign(character):
            if word:
                yield word
            word = ""
            if not character.isspace():
                yield character
        else:
            word += character
    if word:
        yield word


def _clean(text: str) -> str:
    kept = []
    for character in text:
        if character.isspace():
            kept.append(" ")
        elif character != "\ufffd" and unicodedata.category(character) not in _CONTROLS:
            kept.append(character)
    return "".join(kept)


def _is_sign(character: str) -> bool:
    return character in _ASCII_SIGNS or unicodedata.category(character).startswith("P")
