# SPDX-License-Identifier: Apache-2.0
"""optax's losses: JAX on the CPU.

pip install -r optax.txt; xentcheck verify --python optax_ce.py:cross_entropy --interpreter PYTHON
"""
import jax
import jax.numpy as jnp
import optax

jax.config.update("jax_enable_x64", True)


def losses(logits, targets, label_smoothing):
    if targets.ndim == 1 and label_smoothing == 0:
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    if targets.ndim == 1:
        targets = jax.nn.one_hot(targets, logits.shape[1], dtype=logits.dtype)
    if label_smoothing != 0:
        targets = optax.smooth_labels(targets, label_smoothing)
    return optax.softmax_cross_entropy(logits, targets)


def cross_entropy(logits, targets, *, label_smoothing=0.0, reduction="mean"):
    reduced = {"none": lambda x: x, "sum": jnp.sum, "mean": jnp.mean}[reduction]
    return reduced(losses(logits, targets, label_smoothing))


cross_entropy.framework = "jax"
cross_entropy.dialect = "optax"
cross_entropy.targets = {"index", "prob"}
