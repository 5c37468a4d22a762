"""The limit of SPLIT: a bottleneck has no more channel groups than its expansion has channels."""

from collections.abc import Sequence

from models.command_line.errors import RequestError


def check_split(groups: int, expansions: Sequence[int]) -> None:
    """RequestError where bottlenecks cannot be computed in ``groups`` channel groups.

    ``expansions``: channels of the expanded tensor of each bottleneck that can be split.
    """
    if groups == 1:
        return
    if not expansions:
        raise RequestError(
            f"SPLIT is {groups}, but the network has nothing to split; expected inverted residuals "
            "(1x1 expansion, depthwise, linear 1x1 projection, and no squeeze-and-excite between), "
            "e.g. ARCH=v2; or leave SPLIT out"
        )
    if groups > min(expansions):
        raise RequestError(
            f"SPLIT is {groups}; expected at most {min(expansions)}, the channels of the narrowest "
            "expansion, for example SPLIT=2"
        )
