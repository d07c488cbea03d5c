"""Ask a served classifier whether measures of cell nuclei are those of a malignant tumour.

    python client.py --url localhost:8001 13.54 14.36 87.46 566.3 …

takes the 30 measures in the order of scikit-learn's load_breast_cancer().feature_names. Needs numpy
and tritonclient[grpc]. An example, not a medical device.
"""

from __future__ import annotations

import argparse

import numpy as np
import tritonclient.grpc as triton

MEASURES = 30
CLASSES = ("malignant", "benign")


def classify(url: str, model: str, measures: np.ndarray) -> np.ndarray:
    """Logits, float32 [2], for float32 [1, 30]."""
    tensor = triton.InferInput("measures", list(measures.shape), "FP32")
    tensor.set_data_from_numpy(measures)
    with triton.InferenceServerClient(url) as client:
        logits: np.ndarray = client.infer(model, [tensor]).as_numpy("logits")
    return logits[0]


def main() -> None:
    """Ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="tumour-classifier", help="the ModelService's name")
    parser.add_argument("measures", type=float, nargs=MEASURES, metavar="NUMBER")
    options = parser.parse_args()
    logits = classify(options.url, options.model, np.array([options.measures], np.float32))
    shares = np.exp(logits - logits.max())
    for share, name in zip(shares / shares.sum(), CLASSES, strict=True):
        print(f"{share:6.1%}  {name}")


if __name__ == "__main__":
    main()
