"""The start of residual branches, so that a network with random weights does not blow up."""


def branch_gamma(branches: int) -> float:
    """The gamma that the last batch norm of each of so many residual branches starts with.

    With 1, every branch would double the power of what it is added to, until random activations
    leave the range of float16 and random logits saturate the softmax. With one over the square root
    of the number of branches, their sum does not grow with the depth (Zhang et al. 2019, arXiv
    1901.09321).
    """
    return branches**-0.5
