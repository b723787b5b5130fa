"""How small an image a network can take: something must be left after its last stride."""

from __future__ import annotations

from neurospike.errors import ArgumentError


def check_sides(name: str, image_size: tuple[int, int], least: int) -> None:
    """Refuse images that the strides of a network leave nothing of.

    Raises
    ------
    ArgumentError
        A side below ``least``, the product of the strides.
    """
    if min(image_size) < least:
        raise ArgumentError(
            f"baselines.create.image_size: each side must be at least {least} for {name}, the "
            f"product of its strides; got {image_size}."
        )
