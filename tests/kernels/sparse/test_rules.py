"""Lists of pairs and tables of neighbours say the same."""

import pytest
import torch
from torch import Tensor

from neurospike.kernels.sparse import reference
from neurospike.kernels.sparse.geometry import Geometry, strided, submanifold
from neurospike.kernels.sparse.rules import Rules


def sites(count: int, edge: int) -> Tensor:
    torch.manual_seed(count)
    keys = torch.randperm(2 * edge**3)[:count].sort().values
    columns = [keys // edge**3, keys // edge**2 % edge, keys // edge % edge, keys % edge]
    return torch.stack(columns, 1).int()


@pytest.mark.parametrize("count", [0, 1, 63])
@pytest.mark.parametrize(
    "geometry",
    [
        submanifold((3, 3, 3), (1, 1, 1), (7, 7, 7)),
        strided((3, 2, 3), (2, 2, 1), (1, 0, 1), (1, 1, 1), (7, 7, 7)),
    ],
)
def test_a_table_lists_the_same_pairs(count: int, geometry: Geometry) -> None:
    coords = sites(count, 7)
    out = coords if geometry.keeps_sites else reference.output_coords(coords, geometry)
    listed = reference.build_rules(coords, out, geometry)
    table = listed.table()
    assert table.shape == (geometry.volume, len(out))
    again = Rules.from_table(table, n_in=count)
    assert (again.volume, again.n_in, again.n_out) == (listed.volume, count, len(out))
    turned = again.transposed()  # from the table alone, before any pair is listed
    assert torch.equal(turned.table(), listed.transposed().table())
    for column in ("inputs", "outputs", "bounds"):
        assert torch.equal(getattr(again, column), getattr(listed, column))
        assert getattr(again, column).dtype == getattr(listed, column).dtype
    assert again.pairs == listed.pairs
    assert torch.equal(turned.fan_in(), listed.fan_out())
