"""Writes every model that the tests need, each in a folder of its own: ``make_models.py FOLDER``.

One process for all of them, because TensorFlow takes seconds to import and must not be
imported into the tests themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

MAKERS: dict[str, Callable[[Path], None]] = {}


def maker(function: Callable[[Path], None]) -> Callable[[Path], None]:
    """Register ``function``; it gets the folder that bears its name."""
    MAKERS[function.__name__] = function
    return function


def save(model: keras.Model, folder: Path) -> None:
    """As a ``.keras`` file."""
    model.save(folder / "model.keras")


# --- models that serve


@maker
def cnn(folder: Path) -> None:
    """Images as Keras has them: channels last."""
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x = layers.BatchNormalization()(x)
    x = layers.SeparableConv2D(8, 3, strides=2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    save(keras.Model(image, layers.Dense(5, activation="softmax", name="probabilities")(x)), folder)


@maker
def two_inputs(folder: Path) -> None:
    """Inputs and outputs by dictionary; a dictionary's keys are the names."""
    person, item = keras.Input((4,), name="person"), keras.Input((3,), name="item", dtype="int32")
    both = layers.Concatenate()(
        [layers.Dense(8, "relu")(person), layers.Flatten()(layers.Embedding(9, 4)(item))]
    )
    outputs = {"score": layers.Dense(1)(both), "kind": layers.Dense(3, name="another")(both)}
    save(keras.Model({"person": person, "item": item}, outputs), folder)
    samples = {"input/person": np.eye(4, dtype=np.float32), "input/item": np.arange(12) % 9}
    samples["input/item"] = samples["input/item"].reshape(4, 3).astype(np.int32)
    np.savez(folder / "samples.npz", **samples)


@maker
def sequential(folder: Path) -> None:
    """With the exact GELU, whose erfc the converter lacks."""
    first = [keras.Input((4,), name="features"), layers.Dense(8, activation="gelu")]
    save(keras.Sequential([*first, layers.Dropout(0.5), layers.Dense(2, name="logits")]), folder)


@maker
def called_once(folder: Path) -> None:
    """A Sequential without an Input: it knows its shape, and batch size 1, from a call."""
    model = keras.Sequential([layers.Dense(8, "relu"), layers.Dense(2, name="logits")])
    model(np.zeros((1, 4), np.float32))
    save(model, folder)


@maker
def lstm(folder: Path) -> None:
    """Tokens of a fixed length."""
    tokens = keras.Input((12,), dtype="int32", name="tokens")
    x = layers.LSTM(8)(layers.Embedding(50, 8)(tokens))
    save(keras.Model(tokens, layers.Dense(2, name="logits")(x)), folder)


@maker
def masked_gru(folder: Path) -> None:
    """Tokens of any length, padding masked: a loop in the graph."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(50, 8, mask_zero=True)(tokens)
    x = layers.Bidirectional(layers.GRU(4, return_sequences=True))(x)
    save(keras.Model(tokens, layers.Dense(3, name="tags")(x)), folder)


@maker
def attention(folder: Path) -> None:
    """One encoder layer."""
    x = keras.Input((10, 8), name="x")
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    y = layers.Dense(8)(layers.Dense(16, activation="gelu")(y))
    save(keras.Model(x, layers.GlobalAveragePooling1D(name="pooled")(y)), folder)


@maker
def normalized(folder: Path) -> None:
    """Constants that are no variables, and a grouped convolution, which Keras gives to XLA."""
    x = keras.Input((8, 8, 4), name="x")
    y = layers.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2.0, 3.0, 4.0])(x)
    y = layers.Conv2D(8, 3, groups=4, name="grouped")(y)
    save(keras.Model(x, y), folder)


@maker
def heavy(folder: Path) -> None:
    """40 MB of weights, for the memory that the export takes."""
    x = keras.Input((3200,), name="x")
    save(keras.Model(x, layers.Dense(3200, name="y")(x)), folder)


@maker
def twice_the_same(folder: Path) -> None:
    """One layer used twice: both outputs have its name."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(2, name="shared")
    save(keras.Model([a, b], [shared(a), shared(b)]), folder)


class Subclassed(keras.Model):
    """A model of one's own, which only a SavedModel can carry."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = layers.Dense(6, activation="tanh")
        self.outer = layers.Dense(2)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Two layers."""
        return self.outer(self.inner(inputs))


@maker
def subclassed(folder: Path) -> None:
    """Keras' own export, in a folder below the source, samples beside it."""
    model = Subclassed()
    model(np.zeros((1, 4), np.float32))
    model.export(folder / "exported", verbose=False)
    np.savez(folder / "samples.npz", **{"input/args_0": np.eye(4, dtype=np.float32)})


class Affine(tf.Module):
    """No Keras at all; one output is an input, another has no shape."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable(tf.reshape(tf.range(12, dtype=tf.float32), (4, 3)) / 10)
        # A variable of an unknown length: TensorFlow cannot tell the rank that it gives.
        self.shape = tf.Variable([-1, 3, 1], shape=[None])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 4], tf.float32, "x"),
            tf.TensorSpec([None], tf.int64, "shift"),
        ]
    )
    def __call__(self, x: tf.Tensor, shift: tf.Tensor) -> dict[str, tf.Tensor]:
        """The named outputs."""
        moved = x @ self.weight + tf.cast(shift, tf.float32)[:, None]
        return {"moved": moved, "same": shift, "unknown": tf.reshape(moved, self.shape)}


@maker
def module(folder: Path) -> None:
    """A SavedModel made of a tf.Module; the source is the SavedModel itself."""
    made = Affine()
    tf.saved_model.save(made, str(folder), signatures={"serving_default": made.__call__})


def with_layer_of(package: str, folder: Path) -> None:
    """A file that says that its layer ``Twice`` is one of ``package``."""
    call = {"call": lambda _, inputs: inputs * 2, "__module__": package}
    layer = type("Twice", (layers.Layer,), call)()
    x = keras.Input((4,), name="x")
    save(keras.Model(x, layer(x)), folder)


@maker
def of_keras_hub(folder: Path) -> None:
    """With a layer of Keras' sister package."""
    with_layer_of("keras_hub", folder)


# --- models that do not


@maker
def of_others(folder: Path) -> None:
    """With a layer of some other package."""
    with_layer_of("others", folder)


@maker
def with_lambda(folder: Path) -> None:
    """Python code in the file."""
    x = keras.Input((4,))
    save(keras.Model(x, layers.Lambda(lambda value: value * 2)(x)), folder)


@maker
def own_class(folder: Path) -> None:
    """A class that the builder cannot know."""
    model = Subclassed()
    model(np.zeros((1, 4), np.float32))
    save(model, folder)


@maker
def never_called(folder: Path) -> None:
    """Nobody knows what it takes."""
    save(keras.Sequential([layers.Dense(2)]), folder)


@maker
def text(folder: Path) -> None:
    """Strings as inputs."""
    x = keras.Input((1,), dtype="string", name="words")
    save(keras.Model(x, layers.Hashing(10)(x)), folder)


@maker
def random(folder: Path) -> None:
    """Another answer at every call."""
    function = tf.function(
        lambda x: {"y": x + tf.random.normal(tf.shape(x))},
        input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")],
    )
    tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": function})


@maker
def fixed_reshape(folder: Path) -> None:
    """Works for two rows and no others."""
    x = keras.Input((4,), name="x")
    save(keras.Model(x, layers.Dense(2)(keras.ops.reshape(x, (2, 4)))), folder)


@maker
def no_counterpart(folder: Path) -> None:
    """An operator that ONNX lacks."""
    x = keras.Input((3, 3), name="matrix")
    save(keras.Model(x, keras.ops.inv(x)), folder)


@maker
def fixed_batch(folder: Path) -> None:
    """A signature for eight rows."""
    function = tf.function(
        lambda x: {"y": x * 2}, input_signature=[tf.TensorSpec([8, 2], tf.float32, "x")]
    )
    tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": function})


@maker
def other_signature(folder: Path) -> None:
    """Another signature than the usual one."""
    function = tf.function(
        lambda x: {"y": x * 2}, input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")]
    )
    tf.saved_model.save(tf.Module(), str(folder), signatures={"predict": function})


@maker
def one_name(folder: Path) -> None:
    """An input and an output of one name."""
    x = keras.Input((2,), name="x")
    save(keras.Model({"x": x}, {"x": layers.Dense(2)(x)}), folder)


def main() -> None:
    """Make them all, the same weights every time."""
    for name, make in MAKERS.items():
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        folder = Path(sys.argv[1], name)
        folder.mkdir(parents=True)
        make(folder)


if __name__ == "__main__":
    main()
