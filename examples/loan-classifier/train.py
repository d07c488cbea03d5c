"""Make ``model.keras``: train the loan classifier, a Keras model, from the start.

    python examples/prepare.py --out build/examples --example loan-classifier
    python examples/loan-classifier/train.py --prepared build/examples

Needs keras, tensorflow and safetensors; a few seconds on one core.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # before TensorFlow reads it

import keras
from safetensors.numpy import load_file

SEED = 20240607
EPOCHS, BATCH = 20, 64
#: One application in eight was refused: without weights the model would approve nearly all.
WEIGHTS = {0: 3.0, 1: 1.0}


def main() -> None:
    """Train and write the model beside this file or where ``--model`` says.

    Input: ``application``, float32 [n, 18], the fields of ``data.py`` in their order. Output:
    ``logits``, float32 [n, 2]: refused, approved.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prepared", type=Path, required=True, help="prepare.py's --out")
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model.keras"))
    options = parser.parse_args()
    data = load_file(options.prepared / "loan-classifier-data/training.safetensors")
    rows, labels = data["input/application"], data["label"]
    keras.utils.set_random_seed(SEED)
    scaled = keras.layers.Normalization(name="scaled")
    scaled.adapt(rows)
    application = keras.Input((rows.shape[1],), name="application")
    hidden = keras.layers.Dense(64, "relu")(scaled(application))
    hidden = keras.layers.Dense(32, "relu")(hidden)
    model = keras.Model(application, keras.layers.Dense(2, name="logits")(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(rows, labels, epochs=EPOCHS, batch_size=BATCH, verbose=0, class_weight=WEIGHTS)
    # The file is to hold what answers, not what trained.
    keras.Model(model.inputs, model.outputs).save(options.model)


if __name__ == "__main__":
    main()
