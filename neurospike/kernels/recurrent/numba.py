"""What happens to the spikes of one step on their way back: event by event, one thread.

A ``window`` (K, B, N) holds what is on its way to the next K steps. Everything adds up in one
order, whether a sequence runs at once or step by step.
"""

from __future__ import annotations

from typing import Any

from numba import njit

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_JIT)
def send(window, y, share):  # type: ignore[no-untyped-def]
    """Add the spikes y (B, N) to the window, by each neuron's shares (K, N) of the steps."""
    K, B, N = window.shape
    for b in range(B):
        for i in range(N):
            value = y[b, i]
            if value != 0:
                for k in range(K):
                    if share[k, i] != 0:
                        window[k, b, i] += share[k, i] * value


@njit(**_JIT)
def send_synapses(window, y, late, weight):  # type: ignore[no-untyped-def]
    """Add y (B, in) through weights (in, out) to the window, ``late`` (in, out) rows down."""
    _, B, N = window.shape
    for b in range(B):
        for i in range(N):
            value = y[b, i]
            if value != 0:
                for o in range(N):
                    window[late[i, o], b, o] += weight[i, o] * value


@njit(**_JIT)
def weigh(row, weight, out):  # type: ignore[no-untyped-def]
    """out (B, out) = row (B, in) times weight (in, out), over what is not zero, in order."""
    B, N = row.shape
    out[:] = 0
    for b in range(B):
        for i in range(N):
            value = row[b, i]
            if value != 0:
                for o in range(N):
                    out[b, o] += value * weight[i, o]


@njit(**_JIT)
def gather(window, share, out):  # type: ignore[no-untyped-def]
    """Add to out (B, N) what ``send`` would have taken from each neuron: its transpose."""
    K, B, N = window.shape
    for k in range(K):
        if not share[k].any():
            continue
        for b in range(B):
            for i in range(N):
                out[b, i] += share[k, i] * window[k, b, i]


@njit(**_JIT)
def share_gradient(grad, y, total):  # type: ignore[no-untyped-def]
    """Gradients (K, N) of the shares, from those of all delayed spikes (T + K, B, N)."""
    T, B, N = y.shape
    K = total.shape[0]
    for t in range(T):
        for b in range(B):
            for i in range(N):
                value = y[t, b, i]
                if value != 0:
                    for k in range(K):
                        total[k, i] += value * grad[t + 1 + k, b, i]
