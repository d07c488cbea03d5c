"""Evaluation rows of the sentence encoder: what people and assistants say to each other.

From the English part of chatterbot-corpus (BSD): questions and their answers as people contributed
them, one row a sentence, so that most rows have a partner on the same matter. No labels: an
artifact is to find the same nearest neighbour for each row as the source model does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from preparing.packages import Packages
from preparing.tensors import Tensor, encoded, integers
from preparing.wordpiece import WordPiece

TOKENS = 64
ROWS = 1200
FEWEST_WORDS = 3
#: Not sentences but programs.
LEFT_OUT = {"coding"}
_DOCUMENTATION = "scikit-learn"
_SENTENCE_WORDS = range(5, 41)
_MARKUP = re.compile(r"[`>:=<_\[\]{}|*$\\]|\.\.|--|\bversion\b")


def files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Paths below ``out`` and what is to lie there."""
    pieces = WordPiece.read(out / "sentence-encoder/tokenizer.json")
    sentences = chat(packages)[:ROWS]
    return {"sentence-encoder-data/evaluation.safetensors": encoded(tokenised(pieces, sentences))}


def large_files(packages: Packages, out: Path) -> dict[str, bytes]:
    """Three times as many rows, enough to prove an agreement of 0.99: for the benchmarks."""
    pieces = WordPiece.read(out / "sentence-encoder/tokenizer.json")
    sentences = unique([*chat(packages), *documentation(packages)])
    name = "sentence-encoder-data/evaluation-large.safetensors"
    return {name: encoded(tokenised(pieces, sentences))}


def tokenised(pieces: WordPiece, sentences: list[str]) -> Mapping[str, Tensor]:
    """``input/input_ids`` and ``input/attention_mask``, int64 [n, 64]."""
    numbers = [pieces.numbers(sentence, TOKENS) for sentence in sentences]
    flat = [number for row in numbers for number in row]
    padding = pieces.vocabulary["[PAD]"]
    return {
        "input/input_ids": integers(flat, len(numbers), TOKENS),
        "input/attention_mask": integers((n != padding for n in flat), len(numbers), TOKENS),
    }


def chat(packages: Packages) -> list[str]:
    """Everything that is said in the corpus, each once, in the order of its files."""
    folder = packages.path("chatterbot-corpus") / "chatterbot_corpus/data/english"
    paths = [path for path in sorted(folder.glob("*.yml")) if path.stem not in LEFT_OUT]
    said = [text for path in paths for text in utterances(path.read_text(encoding="utf-8"))]
    return unique(text for text in said if len(text.split()) >= FEWEST_WORDS)


def utterances(text: str) -> Iterator[str]:
    """The scalars under ``conversations:`` of one file (the little of YAML that they use)."""
    _, _, listing = text.partition("\nconversations:\n")
    for entry in re.split(r"^[ -]*- ", listing, flags=re.MULTILINE)[1:]:
        yield _scalar(" ".join(entry.split())).strip()


def _scalar(words: str) -> str:
    if words.startswith("'"):
        return words[1:-1].replace("''", "'")
    if words.startswith('"'):
        return str(ast.literal_eval(words.replace("\\ ", "")))
    return words


def documentation(packages: Packages) -> list[str]:
    """Sentences without markup from the docstrings of scikit-learn (BSD)."""
    folder = packages.path(_DOCUMENTATION) / "sklearn"
    found: list[str] = []
    for path in sorted(folder.rglob("*.py")):
        if not {"tests", "externals"} & set(path.relative_to(folder).parts):
            found += _prose(ast.parse(path.read_text(encoding="utf-8")))
    return found


def _prose(module: ast.Module) -> Iterator[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = (ast.get_docstring(node) for node in ast.walk(module) if isinstance(node, kinds))
    for text in filter(None, texts):
        for paragraph in re.split(r"\n\s*\n", text):
            if not _MARKUP.search(paragraph):
                sentences = re.split(r"(?<=[.!?]) (?=[A-Z])", " ".join(paragraph.split()))
                yield from filter(_is_sentence, sentences)


def _is_sentence(text: str) -> bool:
    return len(text.split()) in _SENTENCE_WORDS and text[0].isupper() and text[-1] in ".!?"


def unique(texts: Iterable[str]) -> list[str]:
    """Each text once, whatever its capitals."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(text.lower(), text)
    return list(found.values())
