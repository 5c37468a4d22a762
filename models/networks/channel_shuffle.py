"""Channel shuffle of the ShuffleNet papers: Zhang et al. 2017, arXiv 1707.01083, figure 1."""


def channel_shuffle(x, groups: int, name: str):
    """``x``, float32 [batch, h, w, c], with its channels dealt out to ``groups`` in turn.

    Channel ``i`` of group ``k`` becomes channel ``i * groups + k``. Rank 4 is enough for it, and is
    what every delegate transposes.
    """
    from keras import layers

    height, width, channels = x.shape[1:]
    x = layers.Reshape((height * width, groups, channels // groups), name=f"{name}_groups")(x)
    x = layers.Permute((1, 3, 2), name=f"{name}_transpose")(x)
    return layers.Reshape((height, width, channels), name=name)(x)
