"""Ask a served image classifier what is in a picture.

    python client.py --url localhost:8001 pictures/cat.ppm

Needs numpy, pillow and tritonclient[grpc].
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from PIL import Image, ImageOps

SIZE = 224
TOP = 5
CLASSES = Path(__file__).with_name("classes.txt")


def normalised(path: Path) -> np.ndarray:
    """The middle of the picture as the model takes it, float32 [1, 3, 224, 224]."""
    with Image.open(path) as picture:
        square = ImageOps.fit(picture.convert("RGB"), (SIZE, SIZE), Image.Resampling.BICUBIC)
    pixels = np.asarray(square, dtype=np.float32).transpose(2, 0, 1)
    return (pixels[None] - 127.0) / 128.0


def classify(url: str, model: str, image: np.ndarray) -> np.ndarray:
    """Logits, float32 [1000]."""
    tensor = triton.InferInput("image", list(image.shape), "FP32")
    tensor.set_data_from_numpy(image)
    with triton.InferenceServerClient(url) as client:
        logits: np.ndarray = client.infer(model, [tensor]).as_numpy("logits")
    return logits[0]


def best(logits: np.ndarray, classes: list[str]) -> list[tuple[float, str]]:
    """The five most likely classes with their probabilities."""
    exponents = np.exp(logits - logits.max())
    probabilities = exponents / exponents.sum()
    order = np.argsort(-probabilities)[:TOP]
    return [(float(probabilities[i]), classes[i]) for i in order]


def main() -> None:
    """Read, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="image-classifier", help="the ModelService's name")
    parser.add_argument("picture", type=Path, help="any picture that Pillow reads")
    options = parser.parse_args()
    logits = classify(options.url, options.model, normalised(options.picture))
    for probability, name in best(logits, CLASSES.read_text().splitlines()):
        print(f"{probability:6.1%}  {name}")


if __name__ == "__main__":
    main()
