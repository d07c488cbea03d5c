"""Make ``weights.safetensors``: train the digits model from the start.

    python examples/prepare.py --out build/examples --example digits
    python examples/digits/train.py --prepared build/examples

Needs torch and safetensors; about a minute on one core.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import save_file

SEED = 20240607
EPOCHS = 60


def main() -> None:
    """Train and write the weights, in float16, beside this file or where ``--weights`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prepared", type=Path, required=True, help="prepare.py's --out")
    parser.add_argument(
        "--weights", type=Path, default=Path(__file__).with_name("weights.safetensors")
    )
    options = parser.parse_args()
    sys.path.insert(0, str(options.prepared / "digits"))
    import model  # noqa: PLC0415 - lies in the prepared folder
    import training  # noqa: PLC0415

    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    module = model.DigitsNet()
    training.fit(
        module,
        lambda logits, _, labels: F.cross_entropy(logits, labels),
        epochs=EPOCHS,
        seed=SEED,
        end=math.inf,
    )
    halves = {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    save_file(halves, options.weights)


if __name__ == "__main__":
    main()
