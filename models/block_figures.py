"""Writes the figures of docs/models.md: ``python -m models.block_figures``."""

from pathlib import Path
from typing import NamedTuple

from models import registry
from models.block import Block, read
from models.block_figure import svg
from models.spec import ModelSpec

FOLDER = Path(__file__).parent.parent / "docs" / "blocks"


class Span(NamedTuple):
    """A block of a network: the layer whose output it reads, and the layer it ends with."""

    behind: str
    last: str


BLOCKS = {
    "v1": Span("conv_pw_2_relu", "conv_pw_3_relu"),
    "v1-quant-friendly": Span("conv_pw_2_relu", "conv_pw_3_relu"),
    "v2": Span("block_1_project_BN", "block_2_add"),
    "v3-large": Span("expanded_conv_12_project_bn", "expanded_conv_13_add"),
    "v3-small": Span("expanded_conv_3_project_bn", "expanded_conv_4_add"),
    "v3-large-minimalistic": Span("expanded_conv_12_project_bn", "expanded_conv_13_add"),
    "v3-small-minimalistic": Span("expanded_conv_3_project_bn", "expanded_conv_4_add"),
    "v4-conv-small": Span("block_11_project_bn", "block_12_add"),
    "v4-conv-medium": Span("block_5_add", "block_6_add"),
    "xception": Span("block4_add", "block5_add"),
    "squeezenet": Span("fire2_concat", "fire3_concat"),
    "squeezenet1.0": Span("fire2_concat", "fire3_concat"),
    "shufflenet-v1": Span("stage2_1_concat", "stage2_2_relu"),
    "shufflenet-v2": Span("stage2_1_shuffle", "stage2_2_shuffle"),
    "resnext50": Span("conv2_block1_out", "conv2_block2_out"),
}


def block(arch: str) -> Block:
    """A representative block of ``arch`` at the paper's width and resolution.

    Builds the network, and so imports TensorFlow.
    """
    spec = ModelSpec(arch, resolution=registry.ARCHITECTURES[arch].resolution)
    return read(registry.build(spec), *BLOCKS[arch])


def figure(arch: str) -> str:
    """The SVG of that block."""
    return svg(arch, BLOCKS[arch], block(arch))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for arch in BLOCKS:
        path = FOLDER / f"{arch}.svg"
        path.write_text(figure(arch), encoding="utf-8")
        print(f"wrote {path}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
