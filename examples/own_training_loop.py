"""A network of your own, trained in your own loop: spheres against boxes, half a minute on a CPU.

python examples/own_training_loop.py
"""

import torch
from torch.nn import functional as F

from neurospike import encoders, hw, nn


def clouds(
    count: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points (P, 3) on unit spheres (label 0) or cubes (label 1), their samples, the labels."""
    label = torch.randint(2, (count,), generator=generator)
    points = torch.randn(count, 400, 3, generator=generator)
    sphere = points / points.norm(dim=2, keepdim=True)
    cube = points / points.abs().amax(2, keepdim=True)
    surface = torch.where(label.view(-1, 1, 1) == 0, sphere, cube * 0.8)
    return surface.reshape(-1, 3), torch.arange(count).repeat_interleave(400), label


class Network(torch.nn.Module):
    """Spike Voxel Coding, one strided convolution, the mean over the voxels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = encoders.SpikeVoxelCoding(3, 16)
        self.down = nn.SparseConv3d(16, 32, kernel_size=2, stride=2)
        self.norm = nn.SparseBatchNorm(32)
        self.pool = nn.SparseGlobalPool("mean")
        self.head = torch.nn.Linear(32, 2)

    def forward(self, voxels):  # type: ignore[no-untyped-def]
        return self.head(self.pool(self.norm(self.down(self.stem(voxels)))))


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    voxelizer = encoders.Voxelizer(voxel_size=0.15)
    model = Network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(60):
        points, batch, label = clouds(16, generator)
        voxels, _ = voxelizer(points, batch=batch, batch_size=16)
        loss = F.cross_entropy(model(voxels), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            print(f"step {step + 1}: loss {float(loss.detach()):.3f}")

    for norm in (m for m in model.modules() if isinstance(m, nn.SparseBatchNorm)):
        norm.momentum = 0.2  # let the running statistics catch up after a short training
    with torch.no_grad():
        for _ in range(20):
            points, batch, _ = clouds(16, generator)
            model(voxelizer(points, batch=batch, batch_size=16)[0])
    model.eval()
    points, batch, label = clouds(64, generator)
    voxels, _ = voxelizer(points, batch=batch, batch_size=64)
    with torch.no_grad():
        right = (model(voxels).argmax(1) == label).float().mean()
    print(f"accuracy {100 * float(right):.0f} %")
    print(hw.compare(model, voxels).table())


if __name__ == "__main__":
    main()
