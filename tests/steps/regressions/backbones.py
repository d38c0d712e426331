"""Pretrained networks: EfficientNet-Lite0 with its own weights, others with seeded ones, and what runs them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from harness.data.cache.build import open_or_build
from tests.conftest import Pictures, table
from tests.models.backbones.conftest import pixels_of
from tests.steps.regressions.given import blots, pixels
from tests.steps.results import Numbers, defaults, described, digest, regression

Array = np.ndarray


def strongest(features: Array, count: int) -> list[float]:
    """The mean, the deviation, and the largest values: most features are 0."""
    values = np.asarray(features, np.float64).ravel()
    return [values.mean(), values.std(), *np.sort(values)[: -count - 1 : -1]]


def lite(side: int = 32):
    from harness.models.backbones import find

    return find("efficientnet-lite0", side)


@regression("efficientnet_lite")
def answers(folder: Path) -> Numbers:
    import keras

    from harness.models import keras_backend
    from harness.models.backbones.packaged import EfficientNetLite

    keras_backend.start(seed=1)
    network = lite().network()
    outputs = [network.get_layer(name).output for name in ("block2b_add", "block5a_project_bn", "top_activation")]
    found = keras.Model(network.inputs, [*outputs, network.output])([pixels_of(3, 32).astype(np.float32)])
    names = ("block 2", "block 5", "features", "classes")
    numbers = {name: strongest(value, 10) for name, value in zip(names, found, strict=True)}
    return numbers | {"places": found[2].numpy().mean(axis=(1, 2)).argmax(axis=1)} | defaults(EfficientNetLite)


@regression("efficientnet_lite")
def wider_and_deeper(folder: Path) -> Numbers:
    from harness.models.backbones import BACKBONES

    network = dataclasses.replace(BACKBONES["efficientnet-lite2"], side=64).network(weights=False)
    settings = [[layer.name, getattr(layer, "strides", 0)] for layer in network.layers]
    return {"layers of Lite2": digest(settings, [tuple(weight.shape) for weight in network.weights])}


@regression("backbones")
def layers(folder: Path) -> Numbers:
    """Several layers tapped, early ones by name, by index; and the parts that learn."""
    from harness.models import keras_backend
    from harness.models.backbones import BACKBONES

    keras_backend.start(seed=1)
    tapped = lite().build(("block2b_add", -3, "avg_pool"))
    learning = lite().tunable((), "block7a_project_conv", weights=False)
    return {
        "tapped": strongest(tapped([pixels_of(3, 32).astype(np.float32)]), 12),
        "learning": digest([variable.path for variable in learning.trainable_variables]),
        **{name: digest(repr(backbone)) for name, backbone in BACKBONES.items()},
    }


@regression("applications")
def application(folder: Path) -> Numbers:
    """One of Keras's small networks in the two ways in which the large ones are used."""
    from harness.models import keras_backend
    from harness.models.backbones.applications import Application

    small = Application("small", 32, "flatten", 1024, function="MobileNet", path="", digest="", caffe=True)
    pooled = dataclasses.replace(small, layer=-1, caffe=False, pooled=True)
    found: Numbers = {}
    for name, backbone in (("flat, Caffe's pixels", small), ("pooled", pooled)):
        keras_backend.start(seed=1)
        network, random = backbone.build(weights=False), np.random.default_rng(0)
        # Keras's own first weights would leave next to nothing of the pixels.
        network.set_weights([_lively(random, weight.shape) for weight in network.get_weights()])
        answers = network([pixels_of(2, 32).astype(np.float32)])
        found |= {name: described(answers, 8), f"{name}: shape": [*answers.shape]}
    return found | defaults(Application)


def _lively(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    if len(shape) == 1:
        return random.uniform(0.5, 1.5, shape)
    return random.normal(0, np.sqrt(2 / np.prod(shape[:2] if shape[-1] == 1 else shape[:-1])), shape)


@regression("inference")
def batches(folder: Path) -> Numbers:
    """Batches that do not come out even, halved because a memory is small."""
    import keras

    from harness.models import keras_backend
    from harness.models.inference import KerasEngine, halving

    keras_backend.start(seed=1)
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    run = KerasEngine(keras.Model(inputs, keras.layers.Flatten()(x)), "CPU", batch_size=5)
    images, sizes = pixels(12, 6, 6), []

    class Small:
        name, features, batch_size = "small", 4, 40

        def __call__(self, some: Array) -> Array:
            sizes.append(self.batch_size)
            if self.batch_size > 7:
                raise MemoryError
            return run(some)

    return {"features": described(halving(Small(), images), 10), "last": described(run(images[-1:])), "halved": sizes}


@regression("engines")
def engines(folder: Path) -> Numbers:
    """OpenVINO where it has rules for all layers, else Keras."""
    from harness.models import keras_backend
    from harness.models.backbones.engine import engine

    class Unruly(type(lite())):
        def build(self, layers=(), *, weights=True):
            import keras

            inputs = keras.Input((self.side, self.side, 3))
            return keras.Model(inputs, keras.layers.Flatten()(keras.layers.UpSampling2D()(inputs)))

    keras_backend.start(seed=1)
    images = pixels_of(3, 32)
    known, unknown = engine(lite(), ("block2b_add", "top_activation")), engine(Unruly("unruly", 8))
    return {
        "features": strongest(known(images), 10),
        "without rules": described(unknown(images[:, :8, :8])),
        "by": [known.name.split()[0], known.name.split()[-1], unknown.name.split()[0], unknown.name.split()[-1]],
    }


@regression("openvino")
def rules(folder: Path) -> Numbers:
    """A network of all kinds of layers, with numbered weights."""
    import keras
    from keras import layers

    from harness.models import keras_backend
    from harness.models.backbones.openvino_engine import OpenVinoEngine

    keras_backend.start(seed=1)
    inputs = keras.Input((17, 17, 3))
    x = layers.Normalization(-1, [3.0, 2.0, 1.0], [4.0, 9.0, 1.0])(layers.Rescaling(1 / 64, -2)(inputs[..., ::-1]))
    x = layers.Conv2D(8, 3, 2, padding="same", activation="silu")(layers.ZeroPadding2D(((1, 0), (0, 2)))(x))
    x = layers.BatchNormalization(epsilon=0.1)(layers.DepthwiseConv2D(3, padding="same")(x))
    y = layers.ReLU(1.5)(layers.Conv2D(8, 3, padding="same", groups=4, dilation_rate=2)(x))
    x = layers.MaxPooling2D(3, 2, padding="same")(layers.Concatenate()([layers.Add()([x, y]), x]))
    x = layers.LayerNormalization(epsilon=0.1)(layers.Dense(6, activation="gelu")(x))
    gate = layers.Dense(6, activation="sigmoid")(layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(x)))
    x = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dropout(0.5)])(layers.Multiply()([x, gate]))
    flat, pooled = layers.Flatten()(x), layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Concatenate()([flat, layers.Flatten()(pooled)])
    model = keras.Model([inputs], layers.Dense(4, activation="softmax")(x))
    random = np.random.default_rng(0)
    model.set_weights(
        [random.uniform(0.2, 1, weight.shape) - 0.5 * (weight.ndim > 1) for weight in model.get_weights()]
    )
    images, found = pixels(3, 17, 17), OpenVinoEngine(model)
    assert np.allclose(found(images), model([images.astype(np.float32)]), atol=1e-4)
    return {"answers": described(found(images), 12), "precision": found.name.split()[-1]}


@regression("features")
def features(folder: Path) -> Numbers:
    """The features of several views of pictures, one of which cannot be read."""
    from harness.models.backbones.features import Features

    images = {f"image {number}": one for number, one in enumerate(blots(5, 64, 16))} | {"image 3": b"words"}
    made = table(Pictures(images), np.arange(5) % 2)
    wanted = Features("efficientnet-lite0", side=32, tta="crops+scales")
    cache = open_or_build(folder / "features.h5", wanted, made, 1)
    found = {view.name: strongest(cache.rows[:, number], 8) for number, view in enumerate(wanted.looks)}
    return found | {"readable": cache.readable, "name": str(wanted), **defaults(Features)}
