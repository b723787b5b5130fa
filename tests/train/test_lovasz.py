import numpy as np
import pytest
import torch

from neurospike.train.lovasz import lovasz_softmax


def oracle(logits: torch.Tensor, label: torch.Tensor) -> float:
    """The Lovasz extension as its definition has it: errors, worst first, join the set of wrong
    points one by one, and each weighs by what 1 - IoU grows."""
    probabilities = logits.double().softmax(1).numpy()
    known = label.numpy() >= 0
    probabilities, label = probabilities[known], label.numpy()[known]
    losses = []
    for kind in np.unique(label):
        truth = label == kind
        errors = np.where(truth, 1 - probabilities[:, kind], probabilities[:, kind])
        wrong = np.zeros(len(label), bool)
        before = total = 0.0
        for row in np.argsort(-errors, kind="stable"):
            wrong[row] = True
            predicted = truth ^ wrong
            after = 1 - (truth & predicted).sum() / (truth | predicted).sum()
            total += errors[row] * (after - before)
            before = after
        losses.append(total)
    return float(np.mean(losses)) if losses else 0.0


@pytest.mark.parametrize(("rows", "classes"), [(1, 2), (3, 1), (63, 5), (200, 19)])
def test_it_is_the_lovasz_extension(rows: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64)
    label = torch.randint(-1, classes, (rows,), generator=generator)
    assert float(lovasz_softmax(logits, label)) == pytest.approx(oracle(logits, label), abs=1e-4)


def test_its_gradient_is_that_of_the_extension() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    label = torch.randint(-1, 3, (20,), generator=generator)
    assert torch.autograd.gradcheck(lambda x: lovasz_softmax(x, label), logits)


def test_equal_errors_share_what_they_add() -> None:
    logits = torch.zeros(6, 2, requires_grad=True)
    label = torch.tensor([0, 0, 0, 0, 1, 1])
    loss = lovasz_softmax(logits, label)
    loss.backward()
    # All errors are a half: together they take both classes from all to nothing.
    assert loss.item() == pytest.approx(0.5)
    assert logits.grad is not None
    assert torch.allclose(logits.grad[:4], logits.grad[:1])


def test_nothing_labelled_costs_nothing() -> None:
    logits = torch.randn(4, 3, requires_grad=True)
    loss = lovasz_softmax(logits, torch.full((4,), -1))
    loss.backward()
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert float(lovasz_softmax(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))) == 0.0
