# SPDX-License-Identifier: Apache-2.0
"""As much of NVIDIA's driver API (libcuda.so.1) as benchmarks need, by ctypes: memory, a stream,
events, and graphs of what is enqueued."""

import array
import ctypes
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p

NON_BLOCKING = 1
THREAD_LOCAL_CAPTURE = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
L2_BYTES = 38  # CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE
BUS_BITS = 37  # CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH
MEMORY_KHZ = 36  # CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE
MULTIPROCESSORS = 16  # CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR


class DriverError(Exception):
    """One line."""


class Driver:
    def __init__(self):
        try:
            self.library = ctypes.CDLL("libcuda.so.1")
        except OSError as e:
            raise DriverError("no NVIDIA driver here (libcuda.so.1)") from e
        self.call("cuInit", c_uint(0))
        count = c_int()
        self.call("cuDeviceGetCount", byref(count))
        if count.value == 0:
            raise DriverError("no CUDA device")
        self.device = c_int()
        self.call("cuDeviceGet", byref(self.device), c_int(0))
        context = c_void_p()
        self.call("cuDevicePrimaryCtxRetain", byref(context), self.device)
        self.call("cuCtxSetCurrent", context)
        stream = c_void_p()
        self.call("cuStreamCreate", byref(stream), c_uint(NON_BLOCKING))
        self.stream = stream.value
        self.events = [self.event(), self.event()]

    def call(self, function, *arguments):
        code = getattr(self.library, function)(*arguments)
        if code != 0:
            text = c_char_p()
            self.library.cuGetErrorName(c_int(code), byref(text))
            name = text.value.decode() if text.value else f"error {code}"
            raise DriverError(f"{function}: {name}")

    def attribute(self, which):
        value = c_int()
        self.call("cuDeviceGetAttribute", byref(value), c_int(which), self.device)
        return value.value

    def name(self):
        text = ctypes.create_string_buffer(128)
        self.call("cuDeviceGetName", text, c_int(len(text)), self.device)
        return text.value.decode()

    def version(self):
        value = c_int()
        self.call("cuDriverGetVersion", byref(value))
        return f"{value.value // 1000}.{value.value % 1000 // 10}"

    def free_bytes(self):
        free, total = c_size_t(), c_size_t()
        self.call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value

    def allocate(self, size):
        address = c_uint64()
        self.call("cuMemAlloc_v2", byref(address), c_size_t(max(size, 256)))
        return address.value

    def free(self, address):
        self.call("cuMemFree_v2", c_uint64(address))

    def upload(self, to, numbers):
        """An array.array."""
        data = numbers.tobytes()
        self.call("cuMemcpyHtoD_v2", c_uint64(to), data, c_size_t(len(data)))
        self.synchronize()

    def download(self, address, kind, count):
        numbers = array.array(kind, bytes(count * array.array(kind).itemsize))
        where, _ = numbers.buffer_info()
        self.call("cuMemcpyDtoH_v2", c_void_p(where), c_uint64(address),
                  c_size_t(count * numbers.itemsize))
        return numbers

    def synchronize(self):
        self.call("cuCtxSynchronize")

    def event(self):
        event = c_void_p()
        self.call("cuEventCreate", byref(event), c_uint(0))
        return event

    def timed(self, enqueue):
        """Seconds between two events around what is enqueued."""
        start, stop = self.events
        self.call("cuEventRecord", start, c_void_p(self.stream))
        enqueue()
        self.call("cuEventRecord", stop, c_void_p(self.stream))
        self.call("cuEventSynchronize", stop)
        milliseconds = c_float()
        self.call("cuEventElapsedTime", byref(milliseconds), start, stop)
        return milliseconds.value * 1e-3

    def graph(self, enqueue):
        """What is enqueued, as a function that enqueues all of it at once."""
        stream = c_void_p(self.stream)
        self.call("cuStreamBeginCapture_v2", stream, c_int(THREAD_LOCAL_CAPTURE))
        graph, runnable = c_void_p(), c_void_p()
        try:
            enqueue()
        finally:
            self.call("cuStreamEndCapture", stream, byref(graph))
        self.call("cuGraphInstantiateWithFlags", byref(runnable), graph, c_uint64(0))
        self.call("cuGraphDestroy", graph)
        return Graph(self, runnable)


class Graph:
    def __init__(self, driver, runnable):
        self.driver, self.runnable = driver, runnable

    def __call__(self):
        self.driver.call("cuGraphLaunch", self.runnable, c_void_p(self.driver.stream))

    def close(self):
        self.driver.call("cuGraphExecDestroy", self.runnable)
