"""Where things lie in a store, and how a ``pvc://`` address becomes a path in a pod.

``<store>/<namespace>/<name>/<build key>/<attempt>/`` holds one attempt of one build;
``manifest.json`` in it, created last and conditionally, is the commit.
``<store>/<namespace>/<name>/tunings/<tuning key>/<attempt>/`` holds the report of one attempt of
one tuning (``report.json``, ``report.html``); nothing is read from there but by people.
"""

from __future__ import annotations

from urllib.parse import urlsplit

PVC_ROOT = "/mnt/pvc"
MANIFEST = "manifest.json"
MODEL_FILE = "model.onnx"
#: ``variants/<name>/`` holds a variant's model files and its own answers to the samples.
VARIANTS_FOLDER = "variants"
VARIANT_OUTPUTS = "outputs.safetensors"
#: ``<store>/<namespace>/<name>/candidates/<key>/``: what was produced once, for later builds.
CANDIDATES_FOLDER = "candidates"
TUNINGS_FOLDER = "tunings"
TENSORBOARD_FOLDER = "tensorboard"
SAMPLES_FILE = "samples.safetensors"
WARMUP_FOLDER = "warmup"
REPORT_JSON = "report.json"
REPORT_HTML = "report.html"

#: Keys in samples.safetensors: ``input/<name>`` and ``output/<name>``, rows first.
INPUT_PREFIX = "input/"
OUTPUT_PREFIX = "output/"


def attempt_uri(store_uri: str, namespace: str, name: str, build_key: str, attempt: int) -> str:
    """The folder of one attempt, in the store's own address form (no trailing slash)."""
    return f"{store_uri.rstrip('/')}/{namespace}/{name}/{build_key}/{attempt}"


def tuning_uri(store_uri: str, namespace: str, name: str, tuning_key: str, attempt: int) -> str:
    """The folder of the report of one attempt of a tuning, as ``attempt_uri`` has it."""
    return attempt_uri(store_uri, namespace, f"{name}/{TUNINGS_FOLDER}", tuning_key, attempt)


def claim_of(uri: str) -> str | None:
    """The PersistentVolumeClaim that ``uri`` needs mounted, or None for any other scheme."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme == "pvc" else None


def fsspec_url(uri: str) -> str:
    """``pvc://claim/path`` → ``file:///mnt/pvc/claim/path``; anything else unchanged."""
    claim = claim_of(uri)
    if claim is None:
        return uri
    return f"file://{PVC_ROOT}/{claim}/{urlsplit(uri).path.lstrip('/')}".rstrip("/")
