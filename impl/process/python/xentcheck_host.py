# SPDX-License-Identifier: Apache-2.0
"""The process of one Python function: a plugin of xentcheck/kernel.h made of ctypes callbacks.

    xentcheck_host.py HOST_LIBRARY MEMORY_BYTES FILE.py FUNCTION

Started by xentcheck alone. What users write, and which attributes of the function are read:
impl/process/python/README.md."""

import ctypes
import difflib
import importlib.util
import inspect
import os
import platform
import subprocess
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [HERE] + [p for p in sys.path if p != HERE]  # some Pythons leave it out

import xentcheck_abi as abi
from xentcheck_function import Function, Plan, Refused, one_line

CACHES = ("TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR",
          "MPLCONFIGDIR", "JAX_COMPILATION_CACHE_DIR")
OLDEST = 3, 8


def imported(path):
    """The user's file as a module; its folder takes the place of ours in the search path."""
    sys.path[0] = os.path.dirname(path)
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    if spec is None:
        raise Refused("not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as e:
        where = "" if e.filename == path else " of " + os.path.basename(e.filename or "?")
        raise Refused("syntax error in line %s%s: %s" % (e.lineno, where, e.msg))
    except BaseException as e:
        raise Refused("its import raised " + one_line(e))
    return module


def found(module, name):
    function = getattr(module, name, None)
    if callable(function):
        return function
    names = [n for n, x in vars(module).items() if callable(x) and not n.startswith("_")]
    near = difflib.get_close_matches(name, names, 3) or sorted(names)[:5]
    hint = "; it has " + ", ".join(near) if near else ""
    raise Refused("has no function '%s'%s" % (name, hint))


def answering(call):
    """A callback: OK, its code or FAILED, whatever is raised."""
    def wrapped(*arguments):
        try:
            return call(*arguments) or abi.OK
        except BaseException as e:
            arguments[-1].contents.write(one_line(e))
            return abi.FAILED
    return wrapped


class Callbacks:
    """The function's kernel as the C ABI has it."""

    def __init__(self, function, host):
        self.function = function
        self.plans = {}
        self.handles = 0
        function.remark = lambda what, message: host.xentcheck_host_remark(
            abi.utf8(what), abi.utf8(message))
        self.hooks = abi.Hooks(abi.Around(answering(self.stage)),
                               abi.Around(answering(self.collect)))

    def supports(self, problem, message):
        code, why = abi.UNAVAILABLE, self.function.framework.unavailable()
        if why is None:
            code, why = abi.UNSUPPORTED, self.function.why_not(problem.contents)
        if why is None:
            return abi.OK
        message.contents.write(why)
        return code

    def prepare(self, problem, threads, state, message):
        self.function.framework.threads(threads)
        self.handles += 1
        self.plans[self.handles] = Plan(self.function, problem.contents)
        state[0] = self.handles

    def stage(self, state, problem, tensors, message):
        self.plans[state].stage(tensors.contents)

    def launch(self, state, problem, tensors, stream, message):
        self.plans[state].launch()

    def collect(self, state, problem, tensors, message):
        self.plans[state].collect(tensors.contents)

    def release(self, state):
        self.plans.pop(state, None)

    def kernel(self, name):
        f = self.function
        bits = sum(1 << i for i, p in enumerate(abi.PROMISES) if p in f.promises)
        dialect = getattr(f.function, "dialect", None)
        summary = (inspect.getdoc(f.function) or "").split("\n")[0]
        return abi.Kernel(
            ctypes.sizeof(abi.Kernel), abi.utf8(name), abi.utf8(summary),
            dialect and abi.utf8(dialect), 0, abi.ACCURACIES.index(f.accuracy), bits,
            abi.Supports(answering(self.supports)), None, abi.Prepare(answering(self.prepare)),
            None, abi.Launch(answering(self.launch)), None, abi.Release(self.release), None, 0)


def function_of(path, name):
    if sys.version_info < OLDEST:
        raise Refused("%s is Python %s, too old: name one of %d.%d or later by --interpreter"
                      % (sys.executable, platform.python_version(), *OLDEST))
    # The usual one reads the source for the line at fault, which would count as a file read.
    warnings.formatwarning = lambda message, category, filename, lineno, line=None: (
        "%s:%s: %s: %s\n" % (filename, lineno, category.__name__, message))
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    # Compilers in this process: a pool of others would outlive the warm-up, and nothing hold it.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    for cache in CACHES:
        os.environ[cache] = os.path.join(os.environ.get("TMPDIR", "/tmp"), cache.lower())
    try:
        import numpy  # noqa: F401
    except ImportError as e:
        if getattr(e, "name", None) != "numpy":
            raise Refused("numpy of %s cannot be imported: %s" % (sys.executable, one_line(e)))
        raise Refused("%s has no numpy: pip install numpy, or name another Python by --interpreter "
                      "PATH" % sys.executable)
    module = imported(path)
    return Function(found(module, name), module)


def library_of(function, kernel):
    kernels = (ctypes.POINTER(abi.Kernel) * 1)(ctypes.pointer(kernel))
    version = "Python %s, %s" % (platform.python_version(), function.framework.version)
    return abi.Library(ctypes.sizeof(abi.Library), abi.ABI[0], abi.ABI[1], abi.utf8(version), 1,
                       kernels)


def program_runs():
    """Whether a process that was started here is still there."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def main():
    host = abi.host(sys.argv[1])
    path, name = sys.argv[3:5]
    policy = abi.POLICY_GPU if os.path.exists("/dev/nvidiactl") else abi.POLICY_PYTHON
    host.xentcheck_host_start(policy, int(sys.argv[2]))
    try:
        function = function_of(path, name)
        callbacks = Callbacks(function, host)
        kernel = callbacks.kernel(name)
        if function.warms_up():
            host.xentcheck_host_warm_up()
            function.warm()
        if program_runs():
            function.remark("process.programs-left", "left a program running that it started "
                            "while it was loaded, which nothing keeps from the system")
    except Refused as e:
        return host.xentcheck_host_refuse(abi.FAILED, abi.utf8(str(e)))
    # A signal refuses them, which these ways to start a program block.
    subprocess._USE_VFORK = subprocess._USE_POSIX_SPAWN = False
    return host.xentcheck_host_serve(library_of(function, kernel), callbacks.hooks)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)
