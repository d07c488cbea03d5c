"""Make ``weights.safetensors``: train the recommender from the start.

    python examples/prepare.py --out build/examples --example recommender
    python examples/recommender/train.py --prepared build/examples

Needs torch and safetensors; half a minute on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - PyTorch's own idiom
from safetensors.torch import load_file, save_file

SEED = 20240607
EPOCHS, BATCH = 10, 256
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.05
#: Books begin alike; with spread 1, as usual, the model learns readers by heart.
SPREAD = 0.1


def main() -> None:
    """Train and write the weights beside this file or where ``--weights`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prepared", type=Path, required=True, help="prepare.py's --out")
    parser.add_argument(
        "--weights", type=Path, default=Path(__file__).with_name("weights.safetensors")
    )
    options = parser.parse_args()
    sys.path.insert(0, str(options.prepared / "recommender"))
    from model import Recommender  # noqa: PLC0415 - lies in the prepared folder

    data = load_file(options.prepared / "recommender-data/training.safetensors")
    history, book, label = (data[name] for name in ("input/history", "input/book", "label"))
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    module = Recommender()
    torch.nn.init.normal_(module.books.weight, std=SPREAD)
    torch.nn.init.zeros_(module.popularity.weight)
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(label) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(label)).split(BATCH):
            optimizer.zero_grad()
            F.mse_loss(module(history[rows], book[rows]), label[rows]).backward()
            optimizer.step()
            schedule.step()
    save_file(module.state_dict(), options.weights)


if __name__ == "__main__":
    main()
