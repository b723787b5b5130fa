"""Freed blocks are used again, and never while a tensor still lies on them."""

import gc
import threading

import numpy as np
import pytest
import torch

from neurospike.kernels import buffers
from neurospike.kernels.buffers import Pool, empty, size_class


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    fresh = Pool(limit=1 << 22)
    monkeypatch.setattr(buffers, "POOL", fresh)
    return fresh


LIKE = torch.empty(0)


def test_a_buffer_has_the_shape_and_dtype_asked_for(pool: Pool) -> None:
    for shape in ((0,), (3, 0, 5), (7,), (300, 401), (2, 3, 50_001)):
        for like in (LIKE, LIKE.double()):
            tensor = empty(shape, like)
            assert tensor.shape == shape
            assert tensor.dtype == like.dtype
            assert tensor.is_contiguous()


def test_a_freed_block_is_used_again(pool: Pool) -> None:
    first = empty((100_000,), LIKE)
    address = first.data_ptr()
    del first
    assert pool.held == size_class(400_000)
    second = empty((99_000,), LIKE)
    assert second.data_ptr() == address
    assert pool.held == 0


def test_a_view_keeps_its_block(pool: Pool) -> None:
    tensor = empty((100_000,), LIKE)
    views = [tensor[5:], tensor.detach(), tensor.reshape(1000, 100)[1:].t(), tensor.numpy()]
    del tensor
    gc.collect()
    for _ in range(len(views)):
        assert pool.held == 0
        other = empty((100_000,), LIKE)
        assert all(
            other.data_ptr() != np.asarray(view).__array_interface__["data"][0] for view in views
        )
        del other
        pool.clear()
        views.pop()
    gc.collect()
    assert pool.held == size_class(400_000)


def test_a_view_of_an_array_keeps_its_block(pool: Pool) -> None:
    view = buffers.array((100, 1000), np.float32)[3:].reshape(-1)[5:]
    gc.collect()
    assert pool.held == 0
    tensor = torch.from_numpy(view)
    del view
    gc.collect()
    assert pool.held == 0
    del tensor
    assert pool.held == size_class(400_000)


def test_gradients_keep_their_block(pool: Pool) -> None:
    x = torch.ones(40_000, requires_grad=True)
    gradient = empty((40_000,), LIKE).fill_(3.0)
    (x * 1).backward(gradient)
    del gradient
    other = empty((40_000,), LIKE).fill_(9.0)
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full((40_000,), 3.0))
    del other


def test_no_more_is_held_than_the_limit(pool: Pool) -> None:
    tensors = [empty((500_000,), LIKE) for _ in range(5)]
    tensors.clear()
    assert 0 < pool.held <= pool.limit
    pool.clear()
    assert pool.held == 0


def test_small_buffers_pass_the_pool_by(pool: Pool) -> None:
    tensor = empty((100,), LIKE)
    del tensor
    assert pool.held == 0


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1000, 65_536, 65_537, 10**9])
def test_size_classes_waste_at_most_an_eighth(size: int) -> None:
    assert size <= size_class(size) <= size * 1.125 + 1
    assert size_class(size_class(size)) == size_class(size)


def test_threads_never_share_a_block(pool: Pool) -> None:
    faults: list[int] = []

    def work(mark: int) -> None:
        for _ in range(300):
            tensor = empty((20_000,), LIKE).fill_(mark)
            if not bool((tensor == mark).all()):
                faults.append(mark)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
