"""Ask a served reader of digits which digit a picture shows.

    python client.py --url localhost:8001 seven.pgm

Needs numpy, pillow and tritonclient[grpc]. The picture: dark ink on light paper, about square.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton
from PIL import Image, ImageOps

SIZE = 16


def ink(path: Path) -> np.ndarray:
    """The picture as the model takes it, float32 [1, 1, 16, 16]: 0 is paper, 1 is ink."""
    with Image.open(path) as picture:
        small = ImageOps.fit(picture.convert("L"), (SIZE, SIZE), Image.Resampling.BOX)
    return 1.0 - np.asarray(small, dtype=np.float32)[None, None] / 255.0


def read(url: str, model: str, image: np.ndarray) -> np.ndarray:
    """Logits, float32 [10]."""
    tensor = triton.InferInput("image", list(image.shape), "FP32")
    tensor.set_data_from_numpy(image)
    with triton.InferenceServerClient(url) as client:
        logits: np.ndarray = client.infer(model, [tensor]).as_numpy("logits")
    return logits[0]


def main() -> None:
    """Read, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="digits", help="the ModelService's name")
    parser.add_argument("picture", type=Path, help="any picture that Pillow reads")
    options = parser.parse_args()
    logits = read(options.url, options.model, ink(options.picture))
    shares = np.exp(logits - logits.max())
    digit = int(shares.argmax())
    print(f"{digit}  ({shares[digit] / shares.sum():.1%})")


if __name__ == "__main__":
    main()
