"""The outputs of a graph in LiteRT, and of the ONNX model written from it in ONNX Runtime."""

import numpy as np

from export.onnx import onnx_model
from quantize.runtime.model_session import open_session


def kinds(model):
    """Kinds of the nodes of a model, in order."""
    return [node.op_type for node in model.graph.node]


def written(graph):
    """The ONNX model of ``graph``, which nothing but our own writer wrote."""
    form = onnx_model.of_graph(graph)
    assert form.unsupported is None
    return form.model


def onnx_outputs(model, fed):
    """Each output of ``model``, for ``fed`` by name of input."""
    session = open_session("onnxruntime", model.SerializeToString()).session
    return session.run([output.name for output in model.graph.output], fed)


def litert_outputs(graph, fed):
    """Each output of ``graph``, for ``fed`` by name of input."""
    interpreter = graph.interpreter(threads=1)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], fed[detail["name"]])
    interpreter.invoke()
    by_name = {d["name"]: d["index"] for d in interpreter.get_output_details()}
    return [interpreter.get_tensor(by_name[name]) for name in graph.outputs]


def numbers(graph, seed=0):
    """Random inputs of a float graph."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(-1, 1, graph.tensor(name).shape).astype(np.float32)
        for name in graph.inputs
    }


def compare(graph, model=None, fed=None, tolerance=1e-5):
    """Assert that both give the same numbers under the same names, and that these are not all the
    same; the model."""
    model, fed = model or written(graph), fed or numbers(graph)
    assert [i.name for i in model.graph.input] == list(graph.inputs)
    assert [o.name for o in model.graph.output] == list(graph.outputs)
    expected, found = litert_outputs(graph, fed), onnx_outputs(model, fed)
    for one, other in zip(expected, found, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(
            other.astype(np.float32), one.astype(np.float32), rtol=tolerance, atol=tolerance
        )
        assert one.size == 1 or np.ptp(one.astype(np.float32)) > 0
    return model
