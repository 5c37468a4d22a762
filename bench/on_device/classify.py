"""Images through a loaded artifact: shards of pixel values to shards of outputs."""

import os

import numpy as np

from bench.on_device.job_error import JobError, one_line
from quantize.runtime.affine_map import real, stored


def classify(session, images, result, tell):
    """Run every image, and write the outputs of each shard, dequantized, to a .npy file."""
    shape, dtype = session.inputs[0].shape[1:], session.inputs[0].dtype
    for number, path in enumerate(images["shards"]):
        try:
            shard = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise JobError("bad_input", f"cannot read {path[:200]}: {one_line(error)}") from error
        check_layout(shard, path)
        moved = reads_channels_first(shard, shape)
        rows = []
        for pixels in shard:
            pixels = pixels.transpose(2, 0, 1) if moved else pixels
            session.feed(model_input(pixels, dtype, images)[None])
            session.run()
            outputs = [session.output(number) for number in range(len(session.outputs))]
            rows.append(model_outputs(outputs, images))
        write_array(images["outputs"][number], np.stack(rows) if rows else np.zeros((0, 0)))
        result["images"] += len(rows)
        tell({"event": "classified", "shards": number + 1})


def reads_channels_first(shard, shape):
    """True where the model reads images [c, h, w]; they are [n, h, w, c] in ``shard``."""
    if shard.ndim == 4:
        height, width, channels = shard.shape[1:]
        if shape == (height, width, channels):
            return False
        if shape == (channels, height, width):
            return True
    raise JobError(
        "bad_input",
        f"images are {shard.dtype} {list(shard.shape)}; "
        f"the model reads [n, {', '.join(map(str, shape))}]",
    )


def check_layout(shard, path):
    """JobError unless ``shard`` is uint8 or float32, little-endian, in C order: what `bench` pushes
    and what the native runner reads."""
    if shard.dtype.str not in ("|u1", "<f4"):
        wrong = f"its elements are {shard.dtype.str}; expected |u1 (uint8) or <f4 (float32)"
    elif not shard.flags.c_contiguous:
        wrong = "it is in Fortran order; expected C order"
    else:
        return
    raise JobError("bad_input", f"cannot read {path[:200]}: {wrong}")


def write_array(path, array):
    """Write float32 ``array`` whole or not at all."""
    try:
        with open(path + ".part", "wb") as file:
            np.save(file, array.astype(np.float32))
        os.replace(path + ".part", path)
    except OSError as error:
        raise JobError("runtime_failed", f"cannot write {path[:200]}: {one_line(error)}") from error


def model_input(pixels, dtype, images):
    """Pixel values as the file reads them: scaled, and quantized where it reads integers."""
    values = pixels.astype(np.float32) * np.float32(images["scale"]) + np.float32(images["offset"])
    if dtype.kind not in "iu":
        return values.astype(dtype)
    scale, zero_point = images["input_scale"], images["input_zero_point"]
    if not scale or zero_point is None:
        raise JobError("bad_job", f"the input is {dtype}; expected input_scale, input_zero_point")
    return stored(values, dtype, scale, zero_point)


def model_outputs(tensors, images):
    """One row as float32: all outputs, flattened, one after the other."""
    if len(tensors) == 1:
        return model_output(tensors[0], images["output_scale"], images["output_zero_point"])
    scales, zero_points = images["output_scale"], images["output_zero_point"]
    lists = [len(each) for each in (scales, zero_points) if isinstance(each, list)]
    if lists != [len(tensors)] * 2:
        raise JobError(
            "bad_job",
            f"the file has {len(tensors)} outputs; expected lists of as many output_scale and "
            "output_zero_point",
        )
    maps = zip(tensors, scales, zero_points)
    return np.concatenate([model_output(*each) for each in maps])


def model_output(tensor, scale, zero_point):
    """One output as a row of float32, dequantized where the file gives integers."""
    row = np.array(tensor).reshape(-1)
    if row.dtype.kind not in "iu":
        return row.astype(np.float32)
    if not scale or zero_point is None:
        raise JobError(
            "bad_job", f"the output is {row.dtype}; expected output_scale, output_zero_point"
        )
    return real(row, scale, zero_point)
