"""The TensorFlow operators that a network of images needs; a SavedModel may run no other.

Others write files, read them, talk to other machines or run Python. That an operator is not marked
as stateful does not tell: ImmutableConst and ReadFile, which read any file, are not.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMPUTING = _names("""
    Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
    BandedTriangularSolve BatchMatMul BatchMatMulV2 BatchMatMulV3 Betainc BitwiseAnd BitwiseOr
    BitwiseXor Ceil Cholesky ClipByValue Complex ComplexAbs Conj Cos Cosh Cross Cumprod Cumsum
    CumulativeLogsumexp Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv EuclideanNorm Exp Expm1
    FFT FFT2D FFT3D FFTND Floor FloorDiv FloorMod Greater GreaterEqual IFFT IFFT2D IFFT3D IFFTND
    IRFFT IRFFT2D IRFFT3D Igamma Igammac Imag Inv Invert IsFinite IsInf IsNan L2Loss LeftShift Less
    LessEqual Lgamma LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr MatMul MatrixBandPart
    MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2
    MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve
    MatrixTriangularSolve Max Maximum Mean Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual
    Pow Prod Qr RFFT RFFT2D RFFT3D Real RealDiv Reciprocal RightShift Rint Round Rsqrt
    SelfAdjointEigV2 Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum Svd Tan Tanh TruncateDiv
    TruncateMod Xdivy Xlog1py Xlogy
""")
LAYERS = _names("""
    AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 Conv Conv2D
    Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D Conv3DBackpropInput Conv3DBackpropInputV2
    DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput Dilation2D Elu FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel FractionalAvgPool FractionalMaxPool
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D LRN
    LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax Relu Relu6 Selu Sigmoid
    Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign SparseSoftmaxCrossEntropyWithLogits
""")
IMAGES = _names("""
    AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression
    CropAndResize DrawBoundingBoxes DrawBoundingBoxesV2 ExtractGlimpse ExtractGlimpseV2
    ExtractImagePatches ExtractVolumePatches HSVToRGB ImageProjectiveTransformV2
    ImageProjectiveTransformV3 NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
    NonMaxSuppressionV4 NonMaxSuppressionV5 NonMaxSuppressionWithOverlaps RGBToHSV ResizeArea
    ResizeBicubic ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
""")
SHAPES = _names("""
    BatchToSpace BatchToSpaceND Bincount Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo
    Bucketize Cast Concat ConcatOffset ConcatV2 ConjugateTranspose Const DataFormatDimMap
    DataFormatVecPermute DeepCopy DenseBincount DepthToSpace Diag DiagPart DynamicPartition
    DynamicStitch Empty EnsureShape ExpandDims Fill Gather GatherNd GatherV2 HistogramFixedWidth
    HostConst Identity IdentityN InTopK InTopKV2 InplaceAdd InplaceSub InplaceUpdate
    InvertPermutation ListDiff LowerBound MirrorPad NthElement OneHot OnesLike Pack Pad PadV2
    ParallelConcat ParallelDynamicStitch PlaceholderWithDefault PreventGradient Range Rank Reshape
    Reverse ReverseSequence ReverseV2 Roll ScatterNd ScatterNdNonAliasingAdd SegmentMax SegmentMean
    SegmentMin SegmentProd SegmentSum Select SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatch
    SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice TensorScatterAdd
    TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate
    Tile TopK TopKV2 Transpose Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack
    UnravelIndex UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
    UpperBound Where ZerosLike
""")
INT8 = _names("""
    Dequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeV2
""")
CONTROL = _names("""
    Assert Case CheckNumerics CheckNumericsV2 ControlTrigger EmptyTensorList Enter Exit For
    GuaranteeConst If LoopCond Merge NextIteration NoOp PartitionedCall Placeholder PlaceholderV2
    RefEnter RefExit RefIdentity RefMerge RefNextIteration RefSelect RefSwitch
    StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch SymbolicGradient
    TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3
    TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3
    TensorListConcat TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
    TensorListResize TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2
    TensorListSetItem TensorListSplit TensorListStack While
""")
VARIABLES = _names("""
    Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp
    DisableCopyOnRead IsVariableInitialized ReadVariableOp ResourceGather ResourceGatherNd
    VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2
""")
# Harmless, and refused later by a message of their own: the numbers would be others each time.
RANDOM = _names("""
    Multinomial NonDeterministicInts ParameterizedTruncatedNormal RandomCrop RandomGamma
    RandomPoisson RandomPoissonV2 RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt
    RngReadAndSkip RngSkip SampleDistortedBoundingBox SampleDistortedBoundingBoxV2
    StatefulRandomBinomial StatefulStandardNormal StatefulStandardNormalV2 StatefulTruncatedNormal
    StatefulUniform StatefulUniformFullInt StatefulUniformInt StatelessMultinomial
    StatelessRandomBinomial StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetAlg
    StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal
    StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformFullInt
    StatelessRandomUniformFullIntV2 StatelessRandomUniformInt StatelessRandomUniformIntV2
    StatelessRandomUniformV2 StatelessSampleDistortedBoundingBox StatelessShuffle
    StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
""")
KNOWN = COMPUTING | LAYERS | IMAGES | SHAPES | INT8 | CONTROL | VARIABLES | RANDOM

SHOWN = 6  # operators in a message
# What a network is for that has operators with these words in their names, and what to do about it.
PURPOSES = (
    (
        ("ReadFile", "WriteFile", "ImmutableConst", "MatchingFiles", "Save", "Restore",
         "Checkpoint", "Dataset", "Reader", "Dump", "Debug", "Summary", "Print", "Event"),
        "reads or writes files: export the model without it",
    ),
    (("PyFunc",), "runs Python: export the model without it"),
    (
        ("Lookup", "Table"),
        "looks words up in a table: export a signature that ends before the names of the classes",
    ),
    (
        ("Decode", "Jpeg", "ParseExample", "ParseSingle", "ParseTensor"),
        "decodes files: export a signature that takes pixels, [batch, height, width, channels]",
    ),
    (
        ("String", "Regex", "Substr", "Unicode", "ReduceJoin"),
        "works on text: export a signature from pixels to numbers",
    ),
)  # fmt: skip
ANY = (
    "does what is no part of a network of images: export it without, or save the Keras model as "
    ".keras and use MODEL=file.keras"
)


def why_not(operators: set[str]) -> str | None:
    """Those of ``operators`` that are not known, and what to do; None where there are none."""
    unknown = sorted(operators - KNOWN)
    if not unknown:
        return None
    shown = ", ".join(unknown[:SHOWN]) + (", ..." if len(unknown) > SHOWN else "")
    purpose = next(
        (
            purpose
            for words, purpose in PURPOSES
            if any(word in name for word in words for name in unknown)
        ),
        ANY,
    )
    return f"runs {shown}, so it {purpose}"
