"""Chairs against monitors of ModelNet10, turned any way and thinned to 256 voxels."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neurospike import train
from neurospike.train.clouds import CloudSamples
from neurospike.train.samples import build_source

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "modelnet10_voxels"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="no modelnet10_voxels beside the repository"),
    pytest.mark.timeout(900),
]


def pooled_occupancy(split: str, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Occupied voxels counted in 8 x 8 x 8 cells around each sample's middle."""
    recipe = train.load_recipe("chairs-monitors")
    source = build_source(recipe.data, split, root=DATA, seed=seed)
    prepared = CloudSamples(source, recipe.every_sample, None, seed=seed)
    edges = [np.linspace(-28, 28, 9)] * 3
    samples = [prepared[(0, index)] for index in range(len(prepared))]
    pooled = [np.histogramdd(s["points"], bins=edges)[0].ravel() for s in samples]
    return np.stack(pooled), np.array([s["label"] for s in samples])


def logistic_regression(seed: int) -> float:
    from sklearn.linear_model import LogisticRegression

    x, y = pooled_occupancy("train", seed)
    x_test, y_test = pooled_occupancy("test", seed)
    return float(LogisticRegression(max_iter=2000).fit(x, y).score(x_test, y_test))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_e3dsnn_reaches_95_percent(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = train.load_recipe("chairs-monitors")
    result = train.fit(recipe, out=tmp_path, root=DATA, seed=seed, progress=False)
    linear = logistic_regression(seed)
    with capsys.disabled():
        print(
            f"\nseed {seed}: E-3DSNN-T {100 * result.test_accuracy:.1f} % of "
            f"{result.test_samples} in {result.seconds:.0f} s, "
            f"logistic regression on pooled occupancy {100 * linear:.1f} %"
        )
    assert result.test_samples == 208
    assert result.test_accuracy >= 0.95
    assert result.test_accuracy > linear
