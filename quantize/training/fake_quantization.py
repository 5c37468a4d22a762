"""Rounding with gradients: what integer kernels do to activations and weights, in real numbers.

Gradients go straight through a rounding (Bengio et al. 2013, arXiv 1308.3432) and end where a range
cuts off. That of a step is of what it rounds and of what its range cuts off (learned step size
quantization: Esser et al. 2020, arXiv 1902.08153).
"""

LOWEST, HIGHEST = -128.0, 127.0
LARGEST_WEIGHT = 127.0  # int8 weights are symmetric
HALVES_UP = 2**-10  # of a step: of multiples of a 256th, it moves the halves alone
HALF = 0.5001  # of a step: the furthest that a value within the range is moved, in float32


def activation(values, step, zero_point: float):
    """``values`` as int8 has them with this ``step`` and ``zero_point``."""
    import tensorflow as tf

    @tf.custom_gradient
    def rounded(values, step):
        integers = tf.clip_by_value(tf.round(values / step) + zero_point, LOWEST, HIGHEST)
        found = (integers - zero_point) * step

        def slopes(slope):
            inside = tf.cast(tf.abs(found - values) <= HALF * step, values.dtype) * slope
            of_step = tf.reduce_sum(slope * found) - tf.reduce_sum(inside * values)
            return inside, of_step / step

        return found, slopes

    return rounded(values, step)


def weights(steps):
    """The integers next to weights that are given in ``steps``."""
    import tensorflow as tf

    @tf.custom_gradient
    def rounded(steps):
        return tf.clip_by_value(
            tf.round(steps), -LARGEST_WEIGHT, LARGEST_WEIGHT
        ), lambda slope: slope

    return rounded(steps)


def in_steps(values, step):
    """Multiples of ``step`` as the integers that they are, exactly; a bias is rounded to one."""
    import tensorflow as tf

    found = values / step
    return found + tf.stop_gradient(tf.round(found) - found)


def requantized(values, step, other_step):
    """Multiples of ``step`` for an activation that has ``other_step``: XNNPACK multiplies integers
    by the ratio of both in 256ths, and rounds halves up."""
    import tensorflow as tf

    ratio = tf.round(256 * step / other_step) / 256
    found = (tf.round(values / step) * ratio + HALVES_UP) * other_step
    return values + tf.stop_gradient(found - values)
