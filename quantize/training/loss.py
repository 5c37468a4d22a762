"""The loss of an int8 network: its distance from the float one, or from the labels."""

from collections.abc import Sequence


def distances(wanted: Sequence, found: Sequence, of_classes: bool):
    """The distance of each image's outputs ``found`` from those ``wanted``, float32 [n].

    ``of_classes``: the last of the outputs are what a softmax reads, and their classes are compared
    by Kullback-Leibler divergence (Hinton et al. 2015, arXiv 1503.02531); otherwise squared errors
    of every output, as shares of the mean square of it.
    """
    import tensorflow as tf

    if of_classes:
        logits, others = tf.nn.log_softmax(wanted[-1]), tf.nn.log_softmax(found[-1])
        return tf.reduce_sum(tf.exp(logits) * (logits - others), axis=-1)
    total = 0.0
    for one, other in zip(wanted, found, strict=True):
        axes = list(range(1, len(one.shape)))
        square = tf.reduce_mean(one**2) + 1e-12
        total += tf.reduce_mean((other - one) ** 2, axes) / square
    return total


def of_labels(labels, logits):
    """The cross entropy of each image's ``logits`` [n, classes] and its label, float32 [n]."""
    import tensorflow as tf

    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
