"""Ask a served tagger which people, organisations, places and dates a sentence names.

    python client.py --vocabulary vocabulary.txt "Anna Weber flew to Oslo in May."

Needs numpy and tritonclient[grpc]. ``vocabulary.txt`` is in the folder that ``examples/prepare.py``
writes.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

TOKENS = 24
UNKNOWN = 1
LABELS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-DATE", "I-DATE")


def split(sentence: str) -> list[str]:
    """Words and punctuation marks, at most 24."""
    return re.findall(r"\w+|[^\w\s]", sentence)[:TOKENS]


def shape(word: str) -> int:
    """1 lower case, 2 capital first, 3 all capitals, 4 digits, 5 anything else; 0 is no word."""
    if word.isdigit():
        return 4
    if not word.isalpha():
        return 5
    if word.isupper():
        return 3
    return 2 if word[0].isupper() else 1


def tensors(words: Sequence[str], vocabulary: Sequence[str]) -> dict[str, np.ndarray]:
    """``words`` and ``shapes``, int64 [1, 24]."""
    numbers = {word: number for number, word in enumerate(vocabulary)}
    rows = {name: np.zeros((1, TOKENS), np.int64) for name in ("words", "shapes")}
    rows["words"][0, : len(words)] = [numbers.get(word.lower(), UNKNOWN) for word in words]
    rows["shapes"][0, : len(words)] = [shape(word) for word in words]
    return rows


def tag(url: str, model: str, rows: dict[str, np.ndarray]) -> np.ndarray:
    """Logits, float32 [24, 9]."""
    inputs = []
    for name, array in rows.items():
        tensor = triton.InferInput(name, list(array.shape), "INT64")
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    with triton.InferenceServerClient(url) as client:
        logits: np.ndarray = client.infer(model, inputs).as_numpy("tags")
    return logits[0]


def entities(words: Sequence[str], labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(kind, words) of each entity, in their order."""
    kind, found = "", []
    for word, label in [*zip(words, labels, strict=True), ("", "O")]:
        if label != f"I-{kind}":
            if found:
                yield kind, " ".join(found)
            kind, found = label[2:], []
        if label != "O":
            found.append(word)


def main() -> None:
    """Split, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="token-tagger", help="the ModelService's name")
    parser.add_argument(
        "--vocabulary", type=Path, default=Path(__file__).with_name("vocabulary.txt")
    )
    parser.add_argument("sentence")
    options = parser.parse_args()
    if not options.vocabulary.is_file():
        parser.error(f"{options.vocabulary} is missing; examples/prepare.py writes it")
    words = split(options.sentence)
    rows = tensors(words, options.vocabulary.read_text(encoding="utf-8").splitlines())
    numbers = tag(options.url, options.model, rows).argmax(1)[: len(words)]
    for kind, name in entities(words, [LABELS[number] for number in numbers]):
        print(f"{kind:<4}  {name}")


if __name__ == "__main__":
    main()
