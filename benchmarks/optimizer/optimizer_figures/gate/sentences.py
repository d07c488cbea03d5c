"""Sentences: what the example's rows hold, and more from the documentation of Python packages.

Runs in the builder's environment, whose packages' docstrings they are; its versions are pinned, so
the sentences are the same wherever it was made. Those of more than ``SENTENCE_TOKENS`` tokens are
left out.
"""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from .example_code import data_script
from .population import Population, Table
from .sources import SENTENCE_TOKENS, Place

#: All under BSD licences, with English prose.
_PACKAGES = ("networkx", "numpy", "scipy", "sympy")
_NOT_PROSE = {"tests", "testing", "externals", "_lib"}
_EXAMPLE = "sentence-encoder"
_WORDS = range(5, 41)
_MARKUP = re.compile(r"[`>:=<_\[\]{}|*$\\]|\.\.|--|\bversion\b")


def population(place: Place, rows: int, seed: int) -> Population:
    """``input_ids`` and ``attention_mask``, int64 [n, SENTENCE_TOKENS]; in a random order."""
    data = load_file(place.examples / f"{_EXAMPLE}-data/evaluation-large.safetensors")
    ids = np.concatenate([data["input/input_ids"], _documentation(place)])
    ids = ids[(ids != 0).sum(axis=1) <= SENTENCE_TOKENS, :SENTENCE_TOKENS]
    _, first = np.unique(ids, axis=0, return_index=True)
    chosen = np.random.default_rng(seed).permutation(np.sort(first))[:rows]
    found = ids[chosen]
    return Table.of({"input_ids": found, "attention_mask": (found != 0).astype(np.int64)})


def _documentation(place: Place) -> np.ndarray:
    """Token numbers (sentences, 64), made once."""
    path = place.work / "documentation.npy"
    if not path.is_file():
        example = data_script(place.repository, _EXAMPLE)
        pieces = example.WordPiece.read(place.examples / f"{_EXAMPLE}/tokenizer.json")
        folder = Path(sysconfig.get_paths()["purelib"])
        texts = [text for package in _PACKAGES for text in documentation(folder, package)]
        rows = [pieces.numbers(text, example.TOKENS) for text in example.unique(texts)]
        part = path.with_suffix(".part.npy")
        np.save(part, np.array(rows, np.int64))
        part.replace(path)
    found: np.ndarray = np.load(path)
    return found


def documentation(folder: Path, package: str) -> Iterator[str]:
    """The sentences without markup in the docstrings of ``package``, in the order of its files."""
    for path in sorted((folder / package).rglob("*.py")):
        if not _NOT_PROSE & set(path.relative_to(folder).parts):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                    yield from sentences(ast.get_docstring(node) or "")


def sentences(text: str) -> Iterator[str]:
    """The whole sentences in the paragraphs of ``text`` that have no markup."""
    for paragraph in re.split(r"\n\s*\n", text):
        if not _MARKUP.search(paragraph):
            for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", " ".join(paragraph.split())):
                words = len(sentence.split())
                if words in _WORDS and sentence[0].isupper() and sentence[-1] in ".!?":
                    yield sentence
