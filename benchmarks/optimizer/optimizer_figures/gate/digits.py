"""Handwritten digits: those of the evaluation data, moved, turned, faded and made noisy.

Runs in the builder's environment.
"""

from __future__ import annotations

import numpy as np
from safetensors.numpy import load_file
from scipy import ndimage

from .population import Population, Table
from .sources import Place

#: Farthest move in pixels of 16, farthest turn in degrees, and the faintest ink.
_MOVE, _TURN, _FAINTEST = 1.0, 8.0, 0.85
_NOISE = 0.03


def population(place: Place, rows: int, seed: int) -> Population:
    """``image``, float32 [n, 1, 16, 16], and the digits."""
    data = load_file(place.examples / "digits-data/evaluation.safetensors")
    pictures, labels = varied(data["input/image"], data["label"], rows, seed)
    return Table.of({"image": pictures}, labels)


def varied(
    pictures: np.ndarray, labels: np.ndarray, rows: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """``rows`` variants of ``pictures`` (n, 1, h, w) from 0 to 1, with their labels.

    The first ones are the pictures themselves, as they are.
    """
    random = np.random.default_rng(seed)
    chosen = np.resize(np.arange(len(pictures)), rows)
    found = pictures[chosen].astype(np.float32)
    for place in range(len(pictures), rows):
        found[place, 0] = _variant(found[place, 0], random)
    return found, labels[chosen]


def _variant(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    angle = np.deg2rad(random.uniform(-_TURN, _TURN))
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(picture.shape) - 1) / 2
    offset = middle - matrix @ middle + random.uniform(-_MOVE, _MOVE, 2)
    moved = ndimage.affine_transform(picture, matrix, offset, order=1)
    noisy = moved * random.uniform(_FAINTEST, 1) + _NOISE * random.standard_normal(picture.shape)
    variant: np.ndarray = np.clip(noisy, 0, 1).astype(np.float32)
    return variant
