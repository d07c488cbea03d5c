"""An artifact's sample rows as perf_analyzer reads them: one entry a row.

    python -m tuner_figures.models.inputs ARTIFACT FILE

Runs in the serving environment. Every load generator here sends the same rows: numbers made up at
random are words that no sentence encoder knows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from modelservice_runtime.serve.samples import read_samples

#: The file is read anew for every run.
MOST_ROWS = 16


def entries(arrays: dict[str, np.ndarray], rows: int) -> list[dict[str, object]]:
    """One for each of the first ``rows`` rows."""
    return [
        {
            name: {
                "content": array[row].reshape(-1).tolist(),
                "shape": list(array.shape[1:]) or [1],
            }
            for name, array in arrays.items()
        }
        for row in range(rows)
    ]


def main(artifact: Path, target: Path) -> None:
    """Write the file."""
    samples = read_samples(artifact, MOST_ROWS)
    target.write_text(json.dumps({"data": entries(samples.inputs, samples.rows)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
