# SPDX-License-Identifier: Apache-2.0
"""Arrays of NumPy, PyTorch and JAX upon memory at an address, and gradients where a framework
differentiates."""

import ctypes
import functools

SIZES = {"f32": 4, "f64": 8, "f16": 2, "bf16": 2, "i64": 8}


@functools.lru_cache(maxsize=256)
def bytes_type(count):
    return ctypes.c_char * count


def memory(address, dtype, shape, strides):
    """What a tensor with strides in elements spans, as a buffer; pages keep their protection."""
    extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides))
    return bytes_type(extent * SIZES[dtype]).from_address(address)


def type_name(result, names):
    """f32 and so on; of what is no array its type."""
    found = getattr(result, "dtype", None)
    if found is None:
        return type(result).__name__
    return names.get(found) or str(found)


class Numpy:
    """Views share memory with the call's tensors; inputs are marked read-only."""
    name = "numpy"
    differentiates = False
    device = "cpu"
    dtypes = {"f32", "f64"}  # f16 too where a function says so: NumPy sums it in f16

    def __init__(self, device="cpu"):
        import numpy
        self.np = numpy
        self.types = {"f32": numpy.float32, "f64": numpy.float64, "f16": numpy.float16,
                      "i64": numpy.int64}
        try:
            import ml_dtypes
            self.types["bf16"] = ml_dtypes.bfloat16
            self.dtypes = self.dtypes | {"bf16"}
        except ImportError:
            pass
        self.types = {name: numpy.dtype(kind) for name, kind in self.types.items()}
        self.names = {kind: name for name, kind in self.types.items()}
        if device != "cpu":
            raise ValueError("device '%s' is for torch alone" % device)

    @property
    def version(self):
        return "numpy " + self.np.__version__

    def unavailable(self):
        """Why nothing can be computed on this machine, or None."""
        return None

    def threads(self, count):
        pass

    def view(self, address, dtype, shape, strides, writable):
        """The memory itself; `strides` in elements."""
        if 0 in shape:
            return self.np.empty(shape, self.types[dtype])
        size = SIZES[dtype]
        view = self.np.ndarray(shape, self.types[dtype], memory(address, dtype, shape, strides), 0,
                               [s * size for s in strides])
        view.flags.writeable = writable
        return view

    def argument(self, address, dtype, shape, strides, writable=False):
        """What the user's function is given."""
        return self.view(address, dtype, shape, strides, writable)

    def call(self, function, arguments, keywords, upstream):
        return function(*arguments, **keywords)

    def store(self, result, to):
        to[...] = self.np.asarray(result).reshape(to.shape)

    def shape(self, result):
        return tuple(self.np.shape(result))

    def dtype(self, result):
        return type_name(result, self.names)


class Torch:
    """Views share memory, in every type; those of another device are copies."""
    name = "torch"
    differentiates = True

    def __init__(self, device="cpu"):
        import torch
        self.torch = torch
        self.device = device
        self.types = {"f32": torch.float32, "f64": torch.float64, "f16": torch.float16,
                      "bf16": torch.bfloat16, "i64": torch.int64}
        self.names = {kind: name for name, kind in self.types.items()}
        # On the CPU many operations in f16 are missing; a function may say that it has them.
        self.dtypes = {"f32", "f64", "bf16"} | (set() if device == "cpu" else {"f16"})

    @property
    def version(self):
        return "torch " + self.torch.__version__

    def unavailable(self):
        if self.device == "cpu" or self.torch.cuda.is_available():
            return None
        return "torch finds no device " + self.device

    def threads(self, count):
        self.torch.set_num_threads(count)

    def view(self, address, dtype, shape, strides, writable):
        if 0 in shape:
            return self.torch.empty(shape, dtype=self.types[dtype])
        flat = self.torch.frombuffer(memory(address, dtype, shape, strides),
                                     dtype=self.types[dtype])
        return flat.as_strided(shape, strides)

    def argument(self, address, dtype, shape, strides, writable=False):
        x = self.view(address, dtype, shape, strides, writable)
        return x if self.device == "cpu" else x.to(self.device)

    def call(self, function, arguments, keywords, upstream):
        """With `upstream`, not None: (loss, gradient) by autograd where a loss alone comes back."""
        if upstream is None:
            result = function(*arguments, **keywords)
        else:
            result = self.differentiated(function, arguments, keywords, upstream)
        if self.device != "cpu":
            self.torch.cuda.synchronize()
        return result

    def differentiated(self, function, arguments, keywords, upstream):
        x = arguments[0].detach().requires_grad_()
        result = function(x, *arguments[1:], **keywords)
        if not isinstance(result, self.torch.Tensor) or not result.requires_grad:
            return result
        factor = self.torch.ones_like(result) if upstream is True else upstream.expand_as(result)
        gradient, = self.torch.autograd.grad(result, x, factor.to(result.dtype))
        return result, gradient

    def store(self, result, to):
        to.copy_(self.torch.as_tensor(result).detach().reshape(to.shape))

    def shape(self, result):
        return tuple(getattr(result, "shape", ()))

    def dtype(self, result):
        return type_name(result, self.names)


class Jax(Numpy):
    """JAX's arrays; it copies where memory is not aligned as it likes."""
    name = "jax"
    differentiates = True

    def __init__(self, device="cpu"):
        import jax
        super().__init__(device)
        self.jax = jax
        self.dtypes = {"f32", "f64", "f16", "bf16"}

    @property
    def version(self):
        return "jax " + self.jax.__version__

    def argument(self, address, dtype, shape, strides, writable=False):
        return self.jax.numpy.asarray(self.view(address, dtype, shape, strides, False))

    def call(self, function, arguments, keywords, upstream):
        if upstream is None:
            return self.jax.block_until_ready(function(*arguments, **keywords))
        result, back = self.jax.vjp(lambda x: function(x, *arguments[1:], **keywords),
                                    arguments[0])
        jnp = self.jax.numpy
        factor = jnp.ones_like(result) if upstream is True else jnp.broadcast_to(
            upstream.astype(result.dtype), result.shape)
        return self.jax.block_until_ready((result, back(factor)[0]))


FRAMEWORKS = {"numpy": Numpy, "torch": Torch, "jax": Jax}


def framework_name(function, module):
    """By the function's attribute, else by what its module imported, else NumPy."""
    name = getattr(function, "framework", None)
    if name is not None:
        return name
    things = list(vars(module).values())
    imported = {str(getattr(x, "__name__", "")).split(".")[0] for x in things}
    imported |= {str(getattr(x, "__module__", "")).split(".")[0] for x in things if callable(x)}
    return next((n for n in ("torch", "jax") if n in imported), "numpy")
