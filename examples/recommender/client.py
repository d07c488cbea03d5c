"""Ask a served recommender which books a reader would like who liked these.

    python client.py --url localhost:8001 12 70 155

Needs numpy and tritonclient[grpc]. Books have numbers from 0 to 299.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import numpy as np
import tritonclient.grpc as triton

BOOKS, HISTORY = 300, 10
BEST = 5
#: Under more load than fits the latency goal a service refuses at once: ask again a little later.
RETRY = {
    "maxAttempts": 5,
    "initialBackoff": "0.05s",
    "maxBackoff": "1s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
CHANNEL = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": RETRY}]})


def rate(url: str, model: str, liked: Sequence[int]) -> np.ndarray:
    """The rating that the reader would give to each book, float32 [300].

    ``liked``: best first; the model takes ten, so fewer are said again.
    """
    history = np.resize(np.array(liked, np.int64), HISTORY)
    books = np.arange(BOOKS, dtype=np.int64)[:, None]
    with triton.InferenceServerClient(
        url, channel_args=[("grpc.service_config", CHANNEL)]
    ) as client:
        # How many rows a request may have was for the tuning to decide.
        config = client.get_model_config(model, as_json=True)["config"]
        largest = max(1, int(config.get("max_batch_size", 0)))
        requests = np.split(books, range(largest, BOOKS, largest))
        return np.concatenate([ask(client, model, history, part) for part in requests])


def ask(
    client: triton.InferenceServerClient, model: str, history: np.ndarray, books: np.ndarray
) -> np.ndarray:
    """Ratings of ``books``, float32 [n]."""
    tensors = []
    rows = {"history": np.tile(history, (len(books), 1)), "book": books}
    for name, array in rows.items():
        tensor = triton.InferInput(name, list(array.shape), "INT64")
        tensor.set_data_from_numpy(array)
        tensors.append(tensor)
    ratings: np.ndarray = client.infer(model, tensors).as_numpy("rating")
    return ratings[:, 0]


def main() -> None:
    """Ask, print the best that the reader does not know yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="recommender", help="the ModelService's name")
    parser.add_argument("liked", type=int, nargs="+", choices=range(BOOKS), metavar="BOOK")
    options = parser.parse_args()
    ratings = rate(options.url, options.model, options.liked)
    new = [book for book in np.argsort(-ratings).tolist() if book not in options.liked]
    for book in new[:BEST]:
        print(f"{ratings[book]:4.2f}  book {book}")


if __name__ == "__main__":
    main()
