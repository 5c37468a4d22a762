"""Random valid Keras image models over the layers that make sense for images, each from a seed."""

import random

MAX_VALUES = 6000  # of a feature map, so that a model takes milliseconds
ACTIVATIONS = (
    "relu", "relu6", "elu", "selu", "gelu", "silu", "hard_silu", "hard_sigmoid", "sigmoid", "tanh",
    "softplus", "softsign", "mish", "leaky_relu", "celu", "hard_tanh", "squareplus", "linear",
)  # fmt: skip


class RandomModel:
    """A functional classifier made by ``random.Random(seed)``; ``made`` names its layers.

    Uint8 images go in through a layer of its own, or as pixel / 127.5 - 1; ``scales_itself`` tells
    which. The outputs are probabilities or logits of 2 to 12 classes.
    """

    def __init__(self, seed: int) -> None:
        import keras

        self.keras, self.random, self.made = keras, random.Random(seed), []
        self._depth = 0
        keras.utils.set_random_seed(seed)
        choose = self.random
        height, width = choose.randint(9, 40), choose.randint(9, 40)
        self.shape = (height, width, choose.choice((1, 3, 3, 3, 4)))
        image = keras.Input(self.shape)
        self.scales_itself, x = self._scaled(image)
        for _ in range(choose.randint(2, 6)):
            x = self._block(x)
        self.model = keras.Model(image, self._head(x))
        self._randomize()

    def _layer(self, kind, *arguments, **settings):
        self.made.append(f"{kind}{settings}")
        return getattr(self.keras.layers, kind)(*arguments, **settings)

    def _scaled(self, image):
        kind = self.random.choice(("none", "none", "rescaling", "normalization", "arithmetic"))
        if kind == "rescaling":
            return True, self._layer("Rescaling", 1 / 255)(image)
        if kind == "normalization":
            channels = self.shape[2]
            mean = [self.random.uniform(100, 150) for _ in range(channels)]
            variance = [self.random.uniform(50, 70) ** 2 for _ in range(channels)]
            return True, self._layer("Normalization", mean=mean, variance=variance)(image)
        if kind == "arithmetic":
            self.made.append("x / 127.5 - 1")
            return True, image / 127.5 - 1
        return False, image

    def _block(self, x):
        """``x`` through one more layer or several; ``x`` itself where that would be too large."""
        blocks = [
            self._convolution, self._convolution, self._depthwise, self._separable,
            self._transposed, self._pooling, self._activation, self._normalization, self._border,
            self._resize, self._inactive, self._squeeze_and_excite, self._attention,
            self._permuted, self._arithmetic,
        ]  # fmt: skip
        if self._depth < 2:
            blocks += [self._branches, self._branches, self._nested, self._residual]
        self._depth += 1
        found = self.random.choice(blocks)(x)
        self._depth -= 1
        _, height, width, channels = found.shape
        if min(height, width) < 1 or height * width * channels > MAX_VALUES:
            return x
        return found

    def _convolved(self, x):
        """Keyword arguments that a convolution or pooling of ``x`` can have."""
        _, height, width, _ = x.shape
        kernel = tuple(self.random.choice((1, 2, 3, 3, 3, 5)) for _ in range(2))
        if self.random.random() < 0.7:
            kernel = (kernel[0], kernel[0])
        padding = self.random.choice(("same", "valid"))
        if kernel[0] > height or kernel[1] > width:
            kernel, padding = (1, 1), "same"
        return {"kernel_size": kernel, "padding": padding, "strides": self.random.choice((1, 1, 2))}

    def _dilated(self, x, settings):
        """``settings``, at times with a dilation."""
        _, height, width, _ = x.shape
        fits = all(2 * (k - 1) + 1 <= n for k, n in zip(settings["kernel_size"], (height, width),
                                                        strict=True))  # fmt: skip
        if settings["strides"] == 1 and fits and self.random.random() < 0.2:
            settings["dilation_rate"] = 2
        return settings

    def _ending(self):
        return {
            "use_bias": self.random.random() < 0.7,
            "activation": self.random.choice((None, None, *ACTIVATIONS)),
        }

    def _convolution(self, x):
        settings = self._dilated(x, self._convolved(x))
        channels = x.shape[-1]
        groups = self.random.choice([g for g in (1, 1, 1, 2, 3, 4) if channels % g == 0])
        filters = groups * self.random.randint(1, 4)
        return self._layer("Conv2D", filters, groups=groups, **settings, **self._ending())(x)

    def _depthwise(self, x):
        settings = self._dilated(x, self._convolved(x))
        multiplier = self.random.choice((1, 1, 2))
        return self._layer(
            "DepthwiseConv2D", depth_multiplier=multiplier, **settings, **self._ending()
        )(x)

    def _separable(self, x):
        settings, filters = self._convolved(x), self.random.randint(1, 8)
        return self._layer("SeparableConv2D", filters, **settings, **self._ending())(x)

    def _transposed(self, x):
        settings, filters = self._convolved(x), self.random.randint(1, 6)
        return self._layer("Conv2DTranspose", filters, **settings, **self._ending())(x)

    def _pooling(self, x):
        settings = self._convolved(x)
        settings["pool_size"] = settings.pop("kernel_size")
        return self._layer(self.random.choice(("MaxPooling2D", "AveragePooling2D")), **settings)(x)

    def _activation(self, x):
        kind = self.random.choice(("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"))
        settings = {
            "Activation": {"activation": self.random.choice(ACTIVATIONS)},
            "ReLU": {
                "max_value": self.random.choice((None, 6.0, 4.0)),
                "negative_slope": self.random.choice((0.0, 0.0, 0.1)),
            },
            "LeakyReLU": {"negative_slope": 0.2},
            "PReLU": {"shared_axes": self.random.choice(((1, 2), None))},
            "ELU": {"alpha": self.random.choice((1.0, 0.5))},
            "Softmax": {"axis": -1},
        }[kind]
        return self._layer(kind, **settings)(x)

    def _normalization(self, x):
        kind = self.random.choice(
            ("BatchNormalization", "BatchNormalization", "LayerNormalization",
             "GroupNormalization", "UnitNormalization")
        )  # fmt: skip
        channels, settings = x.shape[-1], {}
        if kind == "GroupNormalization":
            settings = {"groups": self.random.choice([g for g in (1, 2, -1) if channels % g == 0])}
        return self._layer(kind, **settings)(x)

    def _border(self, x):
        sides = tuple(tuple(self.random.randint(0, 2) for _ in range(2)) for _ in range(2))
        if min(x.shape[1], x.shape[2]) > 6 and self.random.random() < 0.5:
            return self._layer("Cropping2D", cropping=sides)(x)
        return self._layer("ZeroPadding2D", padding=sides)(x)

    def _resize(self, x):
        interpolation = self.random.choice(("nearest", "bilinear"))
        if self.random.random() < 0.5:
            return self._layer("UpSampling2D", size=2, interpolation=interpolation)(x)
        height, width = self.random.randint(5, 24), self.random.randint(5, 24)
        return self._layer("Resizing", height, width, interpolation=interpolation)(x)

    def _inactive(self, x):
        """Layers that do nothing but in training."""
        kind, value = self.random.choice(
            (("Dropout", 0.3), ("SpatialDropout2D", 0.3), ("GaussianNoise", 0.2),
             ("RandomFlip", "horizontal"), ("RandomRotation", 0.1), ("GaussianDropout", 0.2))
        )  # fmt: skip
        return self._layer(kind, value)(x)

    def _squeeze_and_excite(self, x):
        channels, less = x.shape[-1], max(x.shape[-1] // 2, 1)
        squeezed = self._layer("GlobalAveragePooling2D", keepdims=True)(x)
        kind = self.random.choice(("Conv2D", "Dense"))
        size = {"kernel_size": 1} if kind == "Conv2D" else {}
        squeezed = self._layer(kind, less, activation="relu", **size)(squeezed)
        gate = self.random.choice(("sigmoid", "hard_sigmoid"))
        gate = self._layer(kind, channels, activation=gate, **size)(squeezed)
        return self._layer("Multiply")([x, gate])

    def _attention(self, x):
        _, height, width, channels = x.shape
        if height * width > 150:
            return x
        tokens = self._layer("Reshape", (height * width, channels))(x)
        if self.random.random() < 0.5:
            found = self._layer("MultiHeadAttention", num_heads=2, key_dim=4)(tokens, tokens)
        else:
            found = self._layer("Attention")([tokens, tokens])
        return self._layer("Reshape", (height, width, channels))(found)

    def _permuted(self, x):
        return self._layer("Permute", self.random.choice(((2, 1, 3), (3, 1, 2))))(x)

    def _arithmetic(self, x):
        number = self.random.uniform(0.5, 1.5)
        self.made.append(f"arithmetic with {number}")
        return self.random.choice((lambda: x * number, lambda: x + number, lambda: number - x))()

    def _branches(self, x):
        one, other = self._block(x), self._block(x)
        if one.shape == other.shape:
            kind = self.random.choice(
                ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
            )
            return self._layer(kind)([one, other])
        if one.shape[1:3] == other.shape[1:3]:
            return self._layer("Concatenate")([one, other])
        return one

    def _residual(self, x):
        found = self._block(x)
        channels = x.shape[-1]
        if found.shape[1:3] != x.shape[1:3]:
            return found
        if found.shape[-1] != channels:
            found = self._layer("Conv2D", channels, kernel_size=1)(found)
        return self._layer("Add")([x, found])

    def _nested(self, x):
        """A model inside of the model, at times used twice."""
        inner = self.keras.Input(x.shape[1:])
        nested = self.keras.Model(inner, self._block(self._convolution(inner)))
        found = nested(x)
        if found.shape == x.shape and self.random.random() < 0.5:
            return nested(found)
        return found

    def _head(self, x):
        classes = self.random.randint(2, 12)
        kind = self.random.choice(("average", "average", "maximum", "flatten", "convolution"))
        if kind == "convolution":
            x = self._layer("Conv2D", classes, kernel_size=1)(x)
            x = self._layer("GlobalAveragePooling2D")(x)
            return self._layer("Softmax")(x) if self.random.random() < 0.5 else x
        pooled = {"average": "GlobalAveragePooling2D", "maximum": "GlobalMaxPooling2D"}
        x = self._layer(pooled.get(kind, "Flatten"))(x)
        if self.random.random() < 0.4:
            x = self._layer("Dense", self.random.randint(3, 20), **self._ending())(x)
            x = self._layer("Dropout", 0.2)(x)
        last = self.random.choice(("softmax", "softmax", "sigmoid", None))
        return self._layer("Dense", classes, activation=last)(x)

    def _randomize(self):
        """Statistics and scales as of a trained network, where Keras begins with zeros and ones."""
        import numpy as np

        values = np.random.default_rng(self.random.randint(0, 10**6))
        for weight in self.model.weights:
            name, shape = weight.path.rsplit("/", 1)[-1], weight.shape
            if name in ("gamma", "moving_variance", "alpha"):
                weight.assign(values.uniform(0.1 if name == "alpha" else 0.5, 1.5, shape))
            elif name in ("beta", "moving_mean", "bias"):
                weight.assign(values.normal(0, 0.2, shape))
