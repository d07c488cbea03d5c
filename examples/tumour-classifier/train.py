"""Make ``weights.safetensors``: train the tumour classifier from the start.

    python examples/prepare.py --out build/examples --example tumour-classifier
    python examples/tumour-classifier/train.py --prepared build/examples

Needs torch and safetensors; a few seconds on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file, save_file

SEED = 20240607
#: After more steps the model knows the 285 training rows by heart.
STEPS = 50
LEARNING_RATE = 3e-3


def main() -> None:
    """Train and write the weights beside this file or where ``--weights`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prepared", type=Path, required=True, help="prepare.py's --out")
    parser.add_argument(
        "--weights", type=Path, default=Path(__file__).with_name("weights.safetensors")
    )
    options = parser.parse_args()
    sys.path.insert(0, str(options.prepared / "tumour-classifier"))
    from model import TumourClassifier  # noqa: PLC0415 - lies in the prepared folder

    data = load_file(options.prepared / "tumour-classifier-data/training.safetensors")
    rows, labels = data["input/measures"], data["label"]
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    module = TumourClassifier()
    module.mean.copy_(rows.mean(0))
    module.spread.copy_(rows.std(0))
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(module(rows), labels).backward()
        optimizer.step()
    save_file(module.state_dict(), options.weights)


if __name__ == "__main__":
    main()
