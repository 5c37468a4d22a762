"""The loss of an int8 network: its distance from the float one, or from the labels."""

import math
from collections.abc import Sequence


def distances(wanted: Sequence, found: Sequence, of_classes: bool, lowest: float = -math.inf):
    """The distance of each image's outputs ``found`` from those ``wanted``, float32 [n].

    ``of_classes``: the last of the outputs are what a softmax reads, and their classes are compared
    by Kullback-Leibler divergence (Hinton et al. 2015, arXiv 1503.02531). That hangs on the few
    images that are hard to tell, so the squared error of these logits, as a share of their mean
    square, is added: it is as large, and much the same on all images. ``lowest``: the lowest logit
    that can be found, as ranges leave out what a softmax does not see; those wanted below it count
    as that. Otherwise such shares of every output.
    """
    import tensorflow as tf

    if of_classes:
        logits, others = tf.nn.log_softmax(wanted[-1]), tf.nn.log_softmax(found[-1])
        divergences = tf.reduce_sum(tf.exp(logits) * (logits - others), axis=-1)
        within = tf.maximum(wanted[-1], lowest)
        return divergences + _shares(_centered(within), _centered(found[-1]))
    pairs = zip(wanted, found, strict=True)
    return tf.add_n([_shares(one, other) for one, other in pairs])


def _centered(logits):
    """Logits without what they have in common, which a softmax does not see."""
    import tensorflow as tf

    return logits - tf.reduce_mean(logits, axis=-1, keepdims=True)


def _shares(wanted, found):
    """The mean squared error of each image, as a share of the mean square of all that is wanted."""
    import tensorflow as tf

    axes = list(range(1, len(wanted.shape)))
    energy = tf.reduce_mean(wanted**2) + 1e-12
    return tf.reduce_mean((found - wanted) ** 2, axes) / energy


def of_labels(labels, logits):
    """The cross entropy of each image's ``logits`` [n, classes] and its label, float32 [n]."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
