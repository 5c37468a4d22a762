"""Operators of a file matched with XNNPACK's own, which fuses and adds some."""

# XNNPACK's words for the kinds of the TFLite schema, where they differ.
XNNPACK_WORDS = {
    "CONV_2D": ("CONVOLUTION", "FULLYCONNECTED"),
    "DEPTHWISE_CONV_2D": ("CONVOLUTION",),
    "FULLY_CONNECTED": ("FULLYCONNECTED", "DYNAMICFULLYCONNECTED"),
    "TRANSPOSE_CONV": ("DECONVOLUTION",),
    "MUL": ("MULTIPLY",),
    "SUB": ("SUBTRACT",),
    "DIV": ("DIVIDE",),
    "RESHAPE": ("STATICRESHAPE", "COPY"),
    "AVERAGE_POOL_2D": ("AVERAGEPOOLING",),
    "MAX_POOL_2D": ("MAXPOOLING",),
    "PAD": ("CONSTANTPAD",),
    "LOGISTIC": ("SIGMOID",),
    "RELU": ("CLAMP",),
    "RELU6": ("CLAMP",),
    "QUANTIZE": ("CONVERT",),
    "DEQUANTIZE": ("CONVERT",),
    "BATCH_MATMUL": ("BATCHMATRIXMULTIPLY",),
}


def aligned(kinds, tags):
    """For each of XNNPACK's operators ``tags`` the positions in ``kinds`` of the file's operators
    that it computes: one, several that were fused, or none where it is XNNPACK's own addition.

    Both are in execution order. The longest common subsequence is matched; a single operator of
    XNNPACK between two matches computes all that the file has there.
    """
    longest = [[0] * (len(tags) + 1) for _ in range(len(kinds) + 1)]
    for i in reversed(range(len(kinds))):
        for j in reversed(range(len(tags))):
            longest[i][j] = (
                longest[i + 1][j + 1] + 1
                if computes(tags[j], kinds[i])
                else max(longest[i + 1][j], longest[i][j + 1])
            )
    i, j, gap_i, gap_j = 0, 0, 0, 0
    found = [[] for _ in tags]
    while True:
        ended = i == len(kinds) or j == len(tags)
        if ended:
            i, j = len(kinds), len(tags)
        if ended or computes(tags[j], kinds[i]):
            if j - gap_j == 1:
                found[gap_j] = list(range(gap_i, i))
            if ended:
                return found
            found[j] = [i]
            i, j = i + 1, j + 1
            gap_i, gap_j = i, j
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1


def computes(tag, kind):
    """True if XNNPACK's operator ``tag``, e.g. "Fully Connected (NC, F32) GEMM", can be a ``kind``
    of the TFLite schema; 1x1 convolutions are fully connected layers there."""
    word = tag.split(" (")[0].replace(" ", "").upper()
    return word in XNNPACK_WORDS.get(kind, (kind.replace("_", ""),))
