"""The memory that a traced network needs to compute, told before anything is computed."""

from pathlib import Path

from models.command_line.errors import RequestError
from models.untrusted_files import free_memory


def check(path: Path, function) -> None:
    """RequestError where one operation of ``function``, a traced one, has more in and out than
    there is memory: a layer that enlarges is three numbers in a file."""
    free = free_memory.free_bytes()
    if free is None:
        return
    sizes = {each: _bytes(each) for each in function.graph.get_operations()}
    largest = max(sizes, key=sizes.get)
    if sizes[largest] > free:
        shapes = ", ".join(str(end.shape) for end in (*largest.outputs,))
        raise RequestError(
            f"MODEL '{path}' makes {shapes} in {largest.name}, which takes "
            f"{sizes[largest] / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free; expected less: "
            "build the model for smaller images, or use a machine with more memory"
        )


def _bytes(operation) -> int:
    ends = (*operation.inputs, *operation.outputs)
    return sum(
        end.shape.num_elements() * end.dtype.size for end in ends if end.shape.is_fully_defined()
    )
