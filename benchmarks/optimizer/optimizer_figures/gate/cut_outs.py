"""Cut-outs of the image classifier's photographs, made as the example makes its rows.

Runs in the builder's environment. 10,000 pictures of 224 x 224 pixels as the model takes them are
6 GiB, so only their places are kept, and a batch is cut out when it is asked for.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .example_code import data_script, prepare_script
from .population import Population, digest_of
from .sources import Place

_SIZE = 224


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CutOuts:
    """``pictures``: bytes [h, w, 3]; ``places``: int [n, 4]: picture, top, left, mirrored."""

    pictures: Sequence[np.ndarray]
    places: np.ndarray
    digest: str
    labels: None = None

    def __len__(self) -> int:
        return len(self.places)

    def rows(self, first: int, last: int) -> Mapping[str, np.ndarray]:
        """``image``, float32 [n, 3, 224, 224]."""
        return {"image": normalised(np.stack([self._piece(p) for p in self.places[first:last]]))}

    def _piece(self, place: np.ndarray) -> np.ndarray:
        picture, top, left, mirrored = place
        piece = self.pictures[picture][top : top + _SIZE, left : left + _SIZE]
        return (piece[:, ::-1] if mirrored else piece).transpose(2, 0, 1)


def population(place: Place, rows: int, seed: int) -> Population:
    """``rows`` different places, drawn evenly over the photographs and their sizes."""
    pictures = _pictures(place)
    places = drawn(pictures, rows, np.random.default_rng(seed))
    arrays = {str(number): picture for number, picture in enumerate(pictures)}
    return CutOuts(pictures=pictures, places=places, digest=digest_of({**arrays, "": places}))


def drawn(pictures: Sequence[np.ndarray], rows: int, random: np.random.Generator) -> np.ndarray:
    """Places, none of them twice; fewer than ``rows`` if there are not so many."""
    heights, widths = (np.array([p.shape[axis] for p in pictures]) for axis in (0, 1))
    # Some come twice, so more than are wanted; a photograph no larger than a piece has two.
    picture = random.integers(0, len(pictures), 4 * rows)
    top = random.integers(0, heights[picture] - _SIZE + 1)
    left = random.integers(0, widths[picture] - _SIZE + 1)
    found = np.stack([picture, top, left, random.integers(0, 2, 4 * rows)], axis=1)
    _, first = np.unique(found, axis=0, return_index=True)
    places: np.ndarray = found[np.sort(first)[:rows]]
    return places


def normalised(pixels: np.ndarray) -> np.ndarray:
    """Bytes → what the model takes, as its ``normalised`` does."""
    found: np.ndarray = (pixels.astype(np.float32) - 127) / 128
    return found


def _pictures(place: Place) -> list[np.ndarray]:
    """The example's photographs in all its sizes; the package with them is fetched once."""
    path = place.work / "photographs.npz"
    if not path.is_file():
        data = data_script(place.repository, "image-classifier")
        packages = prepare_script(place.repository).Packages
        with tempfile.TemporaryDirectory() as folder:
            found = _read(data, packages(folder=Path(folder)).path("scikit-image"))
        part = path.with_suffix(".part.npz")
        np.savez(part, *found)
        part.replace(path)
    with np.load(path) as arrays:
        return [arrays[f"arr_{number}"] for number in range(len(arrays.files))]


def _read(data: Any, package: Path) -> list[np.ndarray]:  # noqa: ANN401 - the example's data.py
    folder = package / "skimage/data"
    whole = [data.read(folder / f"{name}.png") for name in data.PHOTOGRAPHS]
    sizes = [data.with_short_side(picture, side) for picture in whole for side in data.SIDES]
    return [_array(picture) for picture in sizes]


def _array(picture: Any) -> np.ndarray:  # noqa: ANN401 - the examples' preparing.png.Picture
    """Bytes [h, w, 3]; grey is three times the same."""
    shape = (picture.height, picture.width, picture.channels)
    found = np.frombuffer(picture.pixels, np.uint8).reshape(shape)
    return np.broadcast_to(found, (*shape[:2], 3))
