"""Jobs on the machines of a Ray cluster, or on a Ray started here for the purpose."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

from neurospike.errors import BackendUnavailableError, MissingExtraError
from neurospike.train.sweeping.workers import Failure, attempt

C = TypeVar("C")
J = TypeVar("J")
R = TypeVar("R")

_PATIENCE_S = 10.0


def run_on_ray(
    task: Callable[[C, J], R], context: C, jobs: Sequence[J], *, address: str
) -> Generator[tuple[J, R | Failure], None, None]:
    """Jobs as Ray tasks of one core each, in the order they finish.

    The machines of the cluster need this package in the same version, and nothing else: what the
    jobs share is sent once to each.

    Parameters
    ----------
    address
        "local" starts a Ray of this machine alone, and stops it at the end; "auto" or
        "host:port" joins the cluster that this machine is part of; "ray://host:10001" is its
        client port, for a machine outside it. A cluster that asks for a token finds it where Ray
        does, in RAY_AUTH_TOKEN.

    Raises
    ------
    MissingExtraError
        Ray is not installed.
    BackendUnavailableError
        Nothing answers at the address.
    """
    ray = _ray()
    own = not ray.is_initialized()
    if own:
        _connect(ray, address)
    try:
        shared = ray.put(context)
        remote = ray.remote(num_cpus=1, max_retries=0)(_one_thread)
        pending = {remote.remote(task, shared, job): job for job in jobs}
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1)
            job = pending.pop(done[0])
            try:
                result = ray.get(done[0])
            except ray.exceptions.RayError as error:
                reason = " ".join(str(error).split())
                result = Failure(f"{type(error).__name__}: {reason}"[:500])
            yield job, result
    finally:
        if own:
            ray.shutdown()


def _one_thread(task: Callable[[C, J], R], context: C, job: J) -> R | Failure:
    import numba
    import torch

    torch.set_num_threads(1)
    numba.set_num_threads(1)
    return attempt(task, context, job)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("ray not installed: pip install 'neurospike[sweep]'.") from error
    return ray


def _connect(ray: Any, address: str) -> None:
    options: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    if address == "local":
        options |= {"include_dashboard": False, "object_store_memory": 256 * 2**20}
    try:
        _knock(address)
        ray.init(address=address, **options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise BackendUnavailableError(
            f"--ray: no cluster answers at {address} ({reason}). Start one with `ray start --head`,"
            " set RAY_AUTH_MODE and RAY_AUTH_TOKEN as it has them, or give 'local'."
        ) from error


def _knock(address: str) -> None:
    """Try the port: Ray itself would wait minutes for a machine that is not there."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S).close()
