"""The KServe v2 protocol over HTTP, with binary tensors: just what the startup probe asks.

Pure: bytes and arrays. (tritonclient does the same and takes half a second to import, in a
probe that runs every two seconds.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from modelservice_runtime.contract.tensors import DATATYPES

#: Says how many bytes of the body are JSON; the tensors' bytes follow in order.
LENGTH_HEADER = "Inference-Header-Content-Length"
_DATATYPE_OF = {numpy_name: datatype for datatype, (numpy_name, _) in DATATYPES.items()}


class AnswerUnreadableError(Exception):
    """Triton's answer is not what the protocol says."""


def encode(inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> tuple[bytes, int]:
    """The body of a request, and the length of its JSON part.

    Raises:
        KeyError: an array has a type that Triton does not know.
    """
    blobs = {name: np.ascontiguousarray(array).tobytes() for name, array in inputs.items()}
    document = {
        "inputs": [
            {
                "name": name,
                "shape": list(array.shape),
                "datatype": _DATATYPE_OF[array.dtype.name],
                "parameters": {"binary_data_size": len(blobs[name])},
            }
            for name, array in inputs.items()
        ],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs],
    }
    head = json.dumps(document).encode()
    return b"".join([head, *blobs.values()]), len(head)


def decode(body: bytes, header_length: int) -> dict[str, np.ndarray]:
    """The arrays in the body of an answer.

    Raises:
        AnswerUnreadableError: it is cut short, or not as the protocol says.
    """
    try:
        document = json.loads(body[:header_length])
        arrays, offset = {}, header_length
        for tensor in document["outputs"]:
            size = tensor["parameters"]["binary_data_size"]
            numpy_name, _ = DATATYPES[tensor["datatype"]]
            data = np.frombuffer(body[offset : offset + size], dtype=numpy_name)
            arrays[tensor["name"]] = data.reshape(tensor["shape"])
            offset += size
    except (ValueError, KeyError, TypeError) as error:
        raise AnswerUnreadableError(f"Triton's answer cannot be read: {error!r}") from error
    return arrays
