"""Ask a served classifier whether an application for a loan would have been approved.

    python client.py --url localhost:8001 loanprc=0.8 appinc=72 pubrec=1

Fields that are left out have the value that is usual in the data; their meaning is in ``data.py``.
Needs numpy and tritonclient[grpc].
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import tritonclient.grpc as triton

#: The fields in the model's order, with their medians.
USUAL = {
    "loanprc": 0.8, "obrat": 32.4, "hrat": 25.4, "appinc": 63.0, "loanamt": 126.0, "netw": 100.0,
    "dep": 0.0, "self": 0.0, "unem": 3.2, "rep": 1.0, "mortlat1": 0.0, "mortlat2": 0.0,
    "pubrec": 0.0, "chist": 1.0, "cosign": 0.0, "unver": 0.0, "sch": 1.0, "married": 1.0,
}  # fmt: skip
CLASSES = ("refused", "approved")


def application(changes: Sequence[str]) -> np.ndarray:
    """The usual application with the ``changes`` (NAME=NUMBER), float32 [1, 18].

    Raises:
        ValueError: a name is unknown, or its value is no number.
    """
    values = dict(USUAL)
    for change in changes:
        name, _, value = change.partition("=")
        if name not in values:
            raise ValueError(f"{name!r} is none of {', '.join(USUAL)}")
        values[name] = float(value)
    return np.array([list(values.values())], np.float32)


def judge(url: str, model: str, row: np.ndarray) -> np.ndarray:
    """Logits, float32 [2]."""
    tensor = triton.InferInput("application", list(row.shape), "FP32")
    tensor.set_data_from_numpy(row)
    with triton.InferenceServerClient(url) as client:
        logits: np.ndarray = client.infer(model, [tensor]).as_numpy("logits")
    return logits[0]


def main() -> None:
    """Ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", default="localhost:8001", help="the service's gRPC address")
    parser.add_argument("--model", default="loan-classifier", help="the ModelService's name")
    parser.add_argument("fields", nargs="*", metavar="NAME=NUMBER")
    options = parser.parse_args()
    try:
        row = application(options.fields)
    except ValueError as error:
        parser.error(str(error))
    logits = judge(options.url, options.model, row)
    shares = np.exp(logits - logits.max())
    for share, name in zip(shares / shares.sum(), CLASSES, strict=True):
        print(f"{share:6.1%}  {name}")


if __name__ == "__main__":
    main()
