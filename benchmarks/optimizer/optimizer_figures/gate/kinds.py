"""The kinds of fault, each in two strengths. Pure.

``severe``: at least twice the goal is lost; ``mild``: at most half of it. The strengths were found
by trying; what they really cost is measured in every run, and a strength that costs something
between is told and not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SEVERE, MILD = "severe", "mild"
Strength = Mapping[str, int | float | str | bool]

DIGITS, IMAGES, RATINGS, SENTENCES, TAGS = (
    "digits",
    "image-classifier",
    "recommender",
    "sentence-encoder",
    "token-tagger",
)
#: Rows of each example's population; a quick run takes a tenth.
ROWS: Mapping[str, int] = {
    DIGITS: 40_000,
    IMAGES: 10_000,
    RATINGS: 50_000,
    SENTENCES: 11_000,
    TAGS: 40_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """``fault``: a function of ``faults``; ``mild``: None where any strength has to be refused."""

    name: str
    example: str
    fault: str
    severe: Strength
    mild: Strength | None

    def strengths(self) -> Mapping[str, Strength]:
        """By name, those that there are."""
        found = {SEVERE: self.severe}
        return found if self.mild is None else {**found, MILD: self.mild}


_WORDS = "embeddings.word_embeddings.weight"
KINDS = (
    Kind(
        name="wrong layout",
        example=DIGITS,
        fault="wrong_layout",
        severe={"value": "relu_3", "channels": 28, "size": 8},
        mild={"value": "relu_3", "channels": 12, "size": 8},
    ),
    Kind(
        name="stale calibration",
        example=DIGITS,
        fault="stale_calibration",
        severe={"brightness": 0.7},
        mild={"brightness": 0.86},
    ),
    Kind(
        name="per-tensor int8 with outliers",
        example=DIGITS,
        fault="outliers",
        severe={
            "layer": "near.first", "following": "near.second", "channels": 1, "factor": 80.0,
        },
        mild={"layer": "near.first", "following": "near.second", "channels": 1, "factor": 30.0},
    ),
    Kind(
        name="forgotten batch norm",
        example=DIGITS,
        fault="forgotten_norm",
        severe={"layer": "near.first", "channels": 4},
        mild={"layer": "near.second", "channels": 8},
    ),
    Kind(
        name="truncated weights",
        example=DIGITS,
        fault="truncated",
        severe={"weight": "far.second.weight", "rows": 26},
        mild={"weight": "far.second.weight", "rows": 12},
    ),
    Kind(
        name="weights of another epoch",
        example=DIGITS,
        fault="other_epoch",
        severe={"epochs": 6, "seed": 1},
        mild={"epochs": 30, "seed": 2},
    ),
    Kind(
        name="float16 overflow, saturated",
        example=DIGITS,
        fault="overflow",
        severe={"value": "relu_4", "scale": 150_000.0, "saturating": True},
        mild={"value": "relu_4", "scale": 40_000.0, "saturating": True},
    ),
    Kind(
        name="float16 overflow to infinity",
        example=DIGITS,
        fault="overflow",
        severe={"value": "relu_4", "scale": 5_800.0, "saturating": False},
        # One answer of infinity in a thousand is refused, whatever the goal.
        mild=None,
    ),
    Kind(
        name="swapped labels",
        example=IMAGES,
        fault="swapped_classes",
        severe={"layer": "_fc", "one": 872, "other": 873},
        mild={"layer": "_fc", "one": 282, "other": 283},
    ),
    Kind(
        name="wrong normalisation",
        example=IMAGES,
        fault="wrong_scale",
        # Of PyTorch's ImageNet models: (byte / 255 - 0.449) / 0.226, the mean over the colours.
        severe={"factor": 128 / 255 / 0.226, "shift": (127 / 255 - 0.449) / 0.226},
        # (byte / 255 - 0.5) / 0.5
        mild={"factor": 128 / 127.5, "shift": -0.5 / 127.5},
    ),
    Kind(
        name="embedding in 4 bits",
        example=SENTENCES,
        fault="coarse_embedding",
        severe={"weight": _WORDS, "bits": 4, "group": 64, "first": 0},
        mild={"weight": _WORDS, "bits": 4, "group": 64, "first": 25_000},
    ),
    Kind(
        name="padding not masked",
        example=SENTENCES,
        fault="weak_mask",
        severe={"bias": -3.0},
        mild={"bias": -5.5},
    ),
    Kind(
        name="off by one token",
        example=TAGS,
        fault="off_by_one",
        severe={"weight": "places.weight", "first": 7, "last": 23},
        mild={"weight": "places.weight", "first": 12, "last": 23},
    ),
    Kind(
        name="dropped layer",
        example=TAGS,
        fault="dropped",
        severe={"value": "add_213"},
        mild={"value": "layer_norm_3"},
    ),
    Kind(
        name="older vocabulary",
        example=TAGS,
        fault="older_vocabulary",
        severe={"weight": "words.weight", "unknown": 1, "known": 360},
        mild={"weight": "words.weight", "unknown": 1, "known": 415},
    ),
    Kind(
        name="off by one item",
        example=RATINGS,
        fault="off_by_one",
        severe={"weight": "books.weight", "first": 286, "last": 299},
        mild={"weight": "books.weight", "first": 0, "last": 1},
    ),
)  # fmt: skip
