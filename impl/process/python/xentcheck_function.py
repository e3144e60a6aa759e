# SPDX-License-Identifier: Apache-2.0
"""The user's function as a kernel: what it takes, what it is given, what becomes of its answer."""

import ctypes
import inspect
import math
import os
import traceback

import xentcheck_abi as abi
import xentcheck_frameworks as frameworks

# Parameter -> whether a problem needs it, and what a function gets that insists on it.
OPTIONS = {
    "weight": (lambda p: p.weights, None),
    "ignore_index": (lambda p: p.has_ignore_index, -100),
    "label_smoothing": (lambda p: p.smoothing, 0.0),
    "z_loss": (lambda p: p.z_loss, 0.0),
    "softcap": (lambda p: p.softcap, 0.0),
    "scale": (lambda p: p.scale != 1, 1.0),
    "reduction": (lambda p: False, "mean"),
    "grad_output": (lambda p: False, None),
}
WITHOUT_TARGETS = ("entropy", "lse")
VECTOR_TARGETS = ("bce-logits", "bce-prob", "kl", "mse-sigmoid")
ONE = (), ()  # shape and strides of a number


class Refused(Exception):
    """Why nothing can be served: one line."""


def one_line(error):
    """Type and text of an exception, and the user's line that raised it."""
    here = os.path.dirname(os.path.abspath(__file__))
    text = "%s: %s" % (type(error).__name__, " ".join(str(error).split()))
    places = [(f.f_code.co_filename, line) for f, line in traceback.walk_tb(error.__traceback__)
              if os.path.dirname(f.f_code.co_filename) != here]
    if places and not isinstance(error, SyntaxError):
        text += " (%s:%d)" % (os.path.basename(places[-1][0]), places[-1][1])
    return text


def words(value):
    """A set of names; a name alone is one of it."""
    return {value} if isinstance(value, str) else set(value)


def shapes(value):
    """[(rows, classes)]"""
    try:
        pairs = [(int(n), int(v)) for n, v in value]
    except (TypeError, ValueError):
        pairs = [(0, 0)]
    if any(n < 1 or v < 1 for n, v in pairs):
        raise Refused("warm_up is no list of (rows, classes), such as [(1, 7), (3, 64)]")
    return pairs


def parameters_of(function, positional):
    """Those that can be given by name -> their default."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C, and silent
        return {}
    in_order = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {p.name: p.default for p in by_name if p not in in_order[:positional]}


def matrix_and_rows(p):
    """(shape, strides) of each: layout bct has the classes in the middle."""
    b, t, v, s = p.n // p.t, p.t, p.v, p.stride
    layout = abi.LAYOUTS[p.layout]
    if layout == "bct":
        return ((b, v, t), (v * t, t, 1)), ((b, t), (t, 1))
    if layout == "btv":
        return ((b, t, v), (t * s, s, 1)), ((b, t), (t, 1))
    return ((p.n, v), (s, 1)), ((p.n,), (1,))


def parts(result):
    """loss | (loss, gradient) | {"loss": ..., "grad": ...} -> loss, gradient or None."""
    if isinstance(result, dict):
        return result.get("loss"), result.get("grad")
    if isinstance(result, (tuple, list)):
        if len(result) != 2:
            raise ValueError("returned %d values: give loss, or loss and gradient" % len(result))
        return tuple(result)
    return result, None


class Plan:
    """One problem as the function is asked it; calls come one after the other."""

    def __init__(self, function, p):
        self.function = function
        self.framework = function.framework
        self.dtype, self.output = abi.DTYPES[p.dtype], abi.DTYPES[p.output]
        self.matrix, rows = matrix_and_rows(p)
        self.loss = ONE if p.reduction else rows
        self.forward, self.backward = abi.DIRS[p.dir] != "bwd", abi.DIRS[p.dir] != "fwd"
        self.target = None
        if function.op not in WITHOUT_TARGETS:
            vector = abi.TARGETS[p.targets] == "prob" or function.op in VECTOR_TARGETS
            self.target = (self.dtype, *self.matrix) if vector else ("i64", *rows)
        self.weight = (self.dtype, (p.v,), (1,)) if p.weights else None
        upstream = {"one": None, "scalar": ONE, "row": rows}[abi.UPSTREAMS[p.upstream]]
        self.upstream = (self.dtype, *upstream) if upstream and self.backward else None
        self.keywords = function.keywords(p)
        self.told = set()

    def stage(self, x):
        """The views of one call."""
        argument = self.framework.argument
        in_place = x.grad == x.input
        self.arguments = [argument(x.input, self.dtype, *self.matrix, in_place)]
        if self.target:
            self.arguments.append(argument(x.target, *self.target))
        self.given = dict(self.keywords)
        if self.weight:
            self.given["weight"] = argument(x.weight, *self.weight)
        factor = argument(x.upstream, *self.upstream) if self.upstream else True
        if self.upstream and "grad_output" in self.function.parameters:
            self.given["grad_output"] = factor
        derived = self.backward and self.framework.differentiates and not self.function.by_hand
        self.factor = factor if derived else None

    def launch(self):
        self.result = self.framework.call(self.function.function, self.arguments, self.given,
                                          self.factor)

    def collect(self, x):
        loss, gradient = parts(self.result)
        self.arguments = self.given = self.factor = self.result = None
        if self.forward:
            self.store("loss", loss, x.loss, *self.loss)
        if self.backward:
            self.store("grad", gradient, x.grad, *self.matrix)

    def store(self, what, result, address, shape, strides):
        f = self.framework
        if result is None:
            raise ValueError("returned no " + what)
        found = f.shape(result)
        if found != shape and not (shape == () and found == (1,)):
            raise ValueError("%s has shape %s, not %s" % (what, list(found), list(shape)))
        kind = f.dtype(result)
        if kind != self.output and what not in self.told:
            self.told.add(what)
            self.function.remark("dtype.changed", "%s came back as %s, asked for %s"
                                 % (what, kind, self.output))
        f.store(result, f.view(address, self.output, shape, strides, True))


class Function:
    """What is known of it before the first call: its signature and its attributes."""

    def __init__(self, function, module):
        self.function = function
        known = frameworks.FRAMEWORKS
        self.op = self.one("op", "ce", abi.OPS)
        name = frameworks.framework_name(function, module)
        if name not in known:
            raise Refused("framework '%s' is not known: %s" % (name, ", ".join(known)))
        try:
            self.framework = known[name](self.one("device", "cpu", ("cpu", "cuda")))
        except (ImportError, ValueError) as e:
            raise Refused("framework %s: %s" % (name, e))
        self.parameters = parameters_of(function, 1 if self.op in WITHOUT_TARGETS else 2)
        for name, default in self.parameters.items():
            if default is inspect.Parameter.empty and name not in OPTIONS:
                raise Refused("needs a parameter '%s', which xentcheck does not know: give it a "
                              "default" % name)
        self.dtypes = self.some("dtypes", self.framework.dtypes, abi.DTYPES)
        self.targets = self.some("targets", {"index"}, abi.TARGETS)
        self.layouts = self.some("layouts", {"nc"}, abi.LAYOUTS)
        self.promises = self.some("promises", set(), abi.PROMISES)
        self.accuracy = self.one("accuracy", "standard", abi.ACCURACIES)
        self.reduction = self.one("reduction", None, abi.REDUCTIONS)
        self.gradient = getattr(function, "gradient", None)
        self.warm_up = shapes(getattr(function, "warm_up", ()))
        self.by_hand = False  # a gradient comes back; else autograd makes it
        self.learned = False
        self.remark = lambda what, message: None

    def warms_up(self):
        """Whether something is opened or started at first calls: by a driver, by compilers."""
        asked = self.warm_up or self.framework.device != "cpu"
        return bool(asked) and self.framework.unavailable() is None

    def one(self, name, default, known):
        value = getattr(self.function, name, default)
        if value != default:
            self.some(name, default, known)
        return value

    def some(self, name, default, known):
        values = words(getattr(self.function, name, default))
        unknown = sorted(str(v) for v in values if v not in known)
        if unknown:
            raise Refused("%s '%s' is not known: there are %s"
                          % (name, unknown[0], ", ".join(known)))
        return values

    def tried(self, rows, backward=False, classes=4, dtype=None):
        """Loss and gradient of equal rows, whose loss is no 0."""
        layout = sorted(self.layouts, key=abi.LAYOUTS.index)[0]
        dtype = abi.DTYPES.index(dtype or sorted(self.dtypes, key=abi.DTYPES.index)[0])
        p = abi.Problem(op=abi.OPS.index(self.op), dir=2 if backward else 0, n=rows, v=classes,
                        t=rows, stride=classes, layout=abi.LAYOUTS.index(layout), scale=1,
                        dtype=dtype, targets=0 if "index" in self.targets else 1, accumulate=-1,
                        output=dtype, reduction=abi.REDUCTIONS.index("mean"))
        plan = Plan(self, p)
        self.scratch = (ctypes.c_double * (2 * rows * classes))()
        x = abi.Tensors(input=ctypes.addressof(self.scratch))
        x.target = x.input + rows * classes * 8
        value = {"nll": -math.log(4), "entropy": 0.25, "cross-entropy": 0.25, "kl": 0.125,
                 "bce-prob": 0.25}.get(self.op, 0)
        plan.framework.view(x.input, plan.dtype, *plan.matrix, True)[...] = value
        if plan.target and plan.target[0] != "i64":
            plan.framework.view(x.target, *plan.target, True)[...] = 0.25
        plan.stage(x)
        plan.launch()
        return parts(plan.result)

    def learn(self):
        """What no signature tells, by calls: whether a gradient comes back, which reduction it is.
        Frameworks do what they put off until they are first called."""
        if self.learned:
            return
        self.learned = True
        told = self.gradient
        try:
            loss, gradient = self.tried(2)
            self.by_hand = gradient is not None
            self.gradient = self.by_hand
            if self.framework.differentiates and not self.by_hand and told is not False:
                self.gradient = True
                self.gradient = self.tried(2, backward=True)[1] is not None
            if self.reduction is None and "reduction" not in self.parameters:
                self.reduction = self.reduction_of(loss)
        except BaseException:  # the calls that count will say it again, and of which case
            self.gradient = True
            self.reduction = self.reduction or "none"
        if told is not None:
            self.gradient = told

    def warm(self):
        """Calls of each type and shape of `warm_up`, with the gradient too."""
        self.learn()
        for n, v in self.warm_up:
            for dtype in sorted(self.dtypes, key=abi.DTYPES.index):
                try:
                    self.tried(n, False, v, dtype)
                    if self.gradient:
                        self.tried(n, True, v, dtype)
                except BaseException as e:
                    raise Refused("its warm_up with n=%d v=%d dtype=%s raised %s"
                                  % (n, v, dtype, one_line(e)))

    def reduction_of(self, loss):
        if self.framework.shape(loss) not in ((), (1,)):
            return "none"
        return "sum" if float(self.tried(4)[0]) > 1.5 * float(loss) else "mean"

    def why_not(self, p):
        """Why a problem is not for this function, or None."""
        self.learn()
        dtype = abi.DTYPES[p.dtype]
        checks = (
            (abi.OPS[p.op] == self.op, "computes %s alone" % self.op),
            (dtype in self.dtypes, "takes no %s (%s)" % (dtype, self.framework.name)),
            (p.output == p.dtype and p.accumulate in (-1, p.dtype),
             "loss and gradient have the type of the logits"),
            (self.op in WITHOUT_TARGETS + VECTOR_TARGETS
             or abi.TARGETS[p.targets] in self.targets,
             "takes no targets=" + abi.TARGETS[p.targets]),
            (abi.LAYOUTS[p.layout] in self.layouts, "takes no layout=" + abi.LAYOUTS[p.layout]),
            (not p.shift, "takes no shift"),
            (abi.UNITS[p.unit] == "nats", "gives nats alone"))
        why = next((text for holds, text in checks if not holds), None)
        return why or self.why_no_option(p) or self.why_no_gradient(p) or self.why_by_itself(p)

    def why_no_option(self, p):
        for name, (needed, _) in OPTIONS.items():
            if needed(p) and name not in self.parameters:
                return "has no parameter " + name
        reduction = abi.REDUCTIONS[p.reduction]
        if "reduction" not in self.parameters and reduction != self.reduction:
            return "gives reduction=%s alone" % self.reduction
        if reduction == "mean" and abi.DENOMINATORS[p.denominator] != "valid":
            return "takes no denominator"
        return None

    def why_no_gradient(self, p):
        direction = abi.DIRS[p.dir]
        if direction == "hvp" or (direction != "fwd" and not self.gradient):
            return "gives no dir=" + direction
        derived = self.framework.differentiates and not self.by_hand
        if direction != "fwd" and p.upstream and not derived:
            return None if "grad_output" in self.parameters else "has no parameter grad_output"
        return None

    def why_by_itself(self, p):
        """The function's own word: supports(dict of the problem's keys) -> True, or why not."""
        ask = getattr(self.function, "supports", None)
        if ask is None:
            return None
        answer = ask(dict(w.split("=", 1) for w in p.text.decode().split()))
        return None if answer is True else str(answer or "not supported")

    def keywords(self, p):
        """What does not change from call to call."""
        values = {"reduction": abi.REDUCTIONS[p.reduction], "ignore_index": p.ignore_index,
                  "label_smoothing": p.smoothing, "z_loss": p.z_loss, "softcap": p.softcap,
                  "scale": p.scale}
        given = {}
        for name, default in self.parameters.items():
            if name == "reduction" or (name in values and OPTIONS[name][0](p)):
                given[name] = values[name]
            elif default is inspect.Parameter.empty:
                given[name] = OPTIONS[name][1]
        return given
