"""LiteRT's compiled model with its profiler on, through the C API."""

import ctypes
import math
import os
import struct

from bench.on_device.job_error import JobError

# Types of events: of the file's operators, and two of a delegate's operators.
OPERATOR_EVENT = 2
OPERATOR_EVENTS = {OPERATOR_EVENT, 4, 8}
EVENTS = {2**bit for bit in range(9)}
EVENT_ROOM_BYTES = 256
UNTOUCHED = b"\xa5"


class CompiledModel:
    """A .tflite file in LiteRT's C API with profiling on, ``tensor`` as its input.

    ``kernels``: "xnnpack" or "builtin". The functions and the options' TOML are those of
    ai-edge-litert 2; whatever a version lacks or refuses is a JobError "no_profile".
    """

    def __init__(self, path, threads, kernels, tensor):
        import ai_edge_litert

        library = os.path.join(os.path.dirname(ai_edge_litert.__file__), "libLiteRt.so")
        try:
            self.library = ctypes.CDLL(library)
        except OSError as error:
            raise JobError("no_profile", f"LiteRT's C API cannot be opened: {error}") from error
        self.environment = self.pointer_from("CreateEnvironment", 0, None)
        model = self.pointer_from("CreateModelFromFile", self.environment, os.fsencode(path))
        options = self.pointer_from("CreateOptions")
        self.call("SetOptionsHardwareAccelerators", options, 1)  # the CPU
        self.add_options(options, "runtime_options_string", "enable_profiling = true\n")
        kernel_mode = f'kernel_mode = "{kernels}"\nnum_threads = {threads}\n'
        self.add_options(options, "xnnpack", kernel_mode)
        self.compiled = self.pointer_from("CreateCompiledModel", self.environment, model, options)
        self.profiler = self.pointer_from("CompiledModelGetProfiler", self.compiled)
        if not self.profiler:
            raise JobError("no_profile", "LiteRT did not turn profiling on")
        subgraph = self.pointer_from("GetModelSubgraph", model, ctypes.c_size_t(0))
        self.input = self.buffer("Input", subgraph)
        self.output = self.buffer("Output", subgraph)
        data = tensor.tobytes()
        address = self.pointer_from("LockTensorBuffer", self.input, after=(1,))  # 1: to write
        ctypes.memmove(address, data, len(data))
        self.call("UnlockTensorBuffer", self.input)

    def call(self, name, *arguments):
        """Call LiteRt``name``; JobError where there is none or where it fails."""
        try:
            function = getattr(self.library, "LiteRt" + name)
        except AttributeError as error:
            raise JobError("no_profile", f"LiteRT's C API has no LiteRt{name}") from error
        status = function(*arguments)
        if status:
            raise JobError("no_profile", f"LiteRt{name} failed with status {status}")

    def pointer_from(self, name, *arguments, after=()):
        """The pointer that a call hands out after ``arguments``."""
        pointer = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(pointer), *after)
        return pointer

    def add_options(self, options, identifier, text):
        """Add options of one part, as TOML. LiteRT frees the text, so the C library must own it."""
        standard = ctypes.CDLL(None)
        standard.strdup.restype = ctypes.c_void_p
        copy = ctypes.c_void_p(standard.strdup(text.encode()))
        free = ctypes.cast(standard.free, ctypes.c_void_p)
        made = self.pointer_from("CreateOpaqueOptions", identifier.encode(), copy, free)
        self.call("AddOpaqueOptions", options, made)

    def buffer(self, kind, subgraph):
        """Memory for the one input or output of the file."""
        first = ctypes.c_size_t(0)
        tensor_type = ctypes.create_string_buffer(512)  # far more than the structure has
        tensor = self.pointer_from(f"GetSubgraph{kind}", subgraph, first)
        self.call("GetRankedTensorType", tensor, tensor_type)
        needs = self.pointer_from(
            f"GetCompiledModel{kind}BufferRequirements", self.compiled, first, first
        )
        create = "CreateManagedTensorBufferFromRequirements"
        return self.pointer_from(create, self.environment, tensor_type, needs)

    def run(self):
        """Run once."""
        one = ctypes.c_size_t(1)
        buffers = one, ctypes.byref(self.input), one, ctypes.byref(self.output)
        self.call("RunCompiledModel", self.compiled, ctypes.c_size_t(0), *buffers)

    def profiled_run(self):
        """Run once; (name, type, number, microseconds) of each operator, in order."""
        self.call("ResetProfiler", self.profiler)
        self.call("StartProfiler", self.profiler)
        self.run()
        self.call("StopProfiler", self.profiler)
        count = ctypes.c_int()
        self.call("GetNumProfilerEvents", self.profiler, ctypes.byref(count))
        room = count.value * EVENT_ROOM_BYTES
        memory = ctypes.create_string_buffer(UNTOUCHED * room, room)
        self.call("GetProfilerEvents", self.profiler, count, memory)
        # What an event says about memory, in its middle, differs between versions. Its size is
        # what was written of memory that had been filled with a mark.
        written = len(memory.raw.rstrip(UNTOUCHED))
        size = 8 * math.ceil(written / max(count.value, 1) / 8)
        events = []
        for at in range(0, count.value * size, size):
            tag, event, _, time_us = struct.unpack_from("PiQQ", memory.raw, at)
            number = struct.unpack_from("Q", memory.raw, at + size - 24)[0]
            if event not in EVENTS:
                raise JobError("no_profile", f"LiteRT's profile has an event of type {event}")
            if event in OPERATOR_EVENTS:
                events.append((ctypes.string_at(tag).decode(), event, number, time_us))
        return events
