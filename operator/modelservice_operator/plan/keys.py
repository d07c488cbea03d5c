"""The keys: which bytes an artifact is of, which measurement a profile is of.

The recipe's version is not part of the build key, so that a newer operator rebuilds nothing by
itself; it shows in the condition and waits for ``modelservice.dev/rebuild``.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelservice_operator.api.names import REBUILD
from modelservice_operator.api.spec import ModelServiceSpec, Store
from modelservice_operator.settings import Runtime
from modelservice_runtime.contract.build_spec import deciding_words
from modelservice_runtime.contract.codec import digest_of, encode
from modelservice_runtime.contract.traffic import Traffic

#: A label value holds at most 63 characters; 40 hex digits (160 bits) are plenty.
KEY_LENGTH = 40


def build_key(
    spec: ModelServiceSpec, store: Store, runtime: Runtime, annotations: Mapping[str, str]
) -> str:
    """What decides the bytes of the artifact and where they go."""
    words = {
        **deciding_words(spec.build, runtime.engines),
        "store": store.uri,
        "rebuild": annotations.get(REBUILD, ""),
    }
    return digest_of(words)[:KEY_LENGTH]


def tuning_key(spec: ModelServiceSpec, runtime: Runtime, artifact_digest: str) -> str:
    """What decides the outcome of a tuning."""
    words = {
        "artifact": artifact_digest,
        "objective": spec.serving.objective,
        "maxBatchSize": spec.serving.max_batch_size,
        "traffic": _words_of(spec.serving.traffic),
        "resources": spec.serving.resources,
        "image": runtime.tuner_image,
        "backend": runtime.backend,
        "nodeSelector": runtime.node_selector,
    }
    return digest_of(words)[:KEY_LENGTH]


def _words_of(traffic: Traffic) -> dict[str, object]:
    """Without lengths as it was before there were any: nothing is tuned again for a new field."""
    words: dict[str, object] = encode(traffic)
    if not traffic.lengths:
        del words["lengths"]
    return words


def retuning_key(base: str, epoch: int, asked_at: float, traffic: Traffic) -> str:
    """The key of a tuning that a running service has given reason for.

    ``base``: the key of the tuning that the spec asks for. Reasons pass, and may come back: each
    is a measurement of its own.
    """
    words = {"base": base, "epoch": epoch, "askedAt": int(asked_at), "traffic": traffic}
    return digest_of(words)[:KEY_LENGTH]
