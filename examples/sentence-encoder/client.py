"""Ask a served sentence encoder which sentences are alike.

    python client.py --url localhost:8001 --tokenizer tokenizer.json "A cat." "A kitten." "A tax."

Needs numpy, tokenizers and tritonclient[grpc]. ``tokenizer.json`` is in the folder that
``examples/prepare.py`` writes.
"""

from __future__ import annotations

import argparse
import asyncio
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tritonclient.grpc.aio as triton
from tokenizers import Tokenizer

TOKENS = 64
WIDTH = 44
TIMEOUT_SECONDS = 30
#: A service keeps its latency goal by refusing what it could not answer in time, so a batch job
#: keeps few requests under way; the server joins those into one batch.
CONCURRENCY = 4


def tokenised(tokenizer: Path, sentences: Sequence[str]) -> dict[str, np.ndarray]:
    """``input_ids`` and ``attention_mask``, int64 [n, 64]."""
    encoder = Tokenizer.from_file(str(tokenizer))
    encoder.enable_truncation(TOKENS)
    encoder.enable_padding(length=TOKENS)
    encoded = encoder.encode_batch(list(sentences))
    return {
        "input_ids": np.array([item.ids for item in encoded], dtype=np.int64),
        "attention_mask": np.array([item.attention_mask for item in encoded], dtype=np.int64),
    }


async def embed(url: str, model: str, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """One vector of length 1 a row, float32 [n, 384]; a request for each sentence."""
    slots = asyncio.Semaphore(CONCURRENCY)

    async def one(row: int) -> np.ndarray:
        async with slots:
            tensors = request(inputs, row)
            answer = await client.infer(model, tensors, client_timeout=TIMEOUT_SECONDS)
        vector: np.ndarray = answer.as_numpy("embedding")
        return vector

    async with triton.InferenceServerClient(url) as client:
        rows = range(len(inputs["input_ids"]))
        return np.concatenate(await asyncio.gather(*map(one, rows)))


def request(inputs: dict[str, np.ndarray], row: int) -> list[triton.InferInput]:
    """The tensors of one request of one row."""
    tensors = []
    for name, array in inputs.items():
        tensor = triton.InferInput(name, [1, TOKENS], "INT64")
        tensor.set_data_from_numpy(array[row : row + 1])
        tensors.append(tensor)
    return tensors


def table(sentences: Sequence[str], embeddings: np.ndarray) -> str:
    """For each sentence the one most alike and their cosine, most alike first."""
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.argmax(axis=1)
    rows = sorted(range(len(sentences)), key=lambda row: -cosines[row, nearest[row]])
    lines = [f"{'cosine':>6}  {'sentence':<{WIDTH}}  most alike"]
    for row in rows:
        words, other = (short(sentences[i]) for i in (row, nearest[row]))
        lines.append(f"{cosines[row, nearest[row]]:6.3f}  {words:<{WIDTH}}  {other}")
    return "\n".join(lines)


def short(sentence: str) -> str:
    """The beginning of the sentence, fit for a column."""
    return textwrap.shorten(sentence, WIDTH, placeholder=" …")


def main() -> None:
    """Tokenise, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="sentence-encoder", help="the ModelService's name")
    parser.add_argument(
        "--tokenizer", type=Path, default=Path(__file__).with_name("tokenizer.json")
    )
    parser.add_argument("sentences", nargs="+", metavar="SENTENCE", help="two or more")
    options = parser.parse_args()
    if len(options.sentences) < 2:  # noqa: PLR2004 - one has no other to be like
        parser.error("give two sentences or more")
    if not options.tokenizer.is_file():
        parser.error(f"{options.tokenizer} is missing; examples/prepare.py writes it")
    inputs = tokenised(options.tokenizer, options.sentences)
    vectors = asyncio.run(embed(options.url, options.model, inputs))
    print(table(options.sentences, vectors))


if __name__ == "__main__":
    main()
