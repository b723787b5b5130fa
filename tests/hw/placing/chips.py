"""Chips that ship with the package, with smaller cores."""

from neurospike.hw import load_chip


def shrunk(name="loihi1_sanafe", *, shares=True, **limits):
    """A chip whose limits are the given ones; None takes a limit away."""
    chip = load_chip(name)
    changed = {}
    for limit, value in limits.items():
        figure = getattr(chip.limits, limit)
        changed[limit] = None if value is None else figure.model_copy(update={"value": value})
    return chip.model_copy(
        update={"limits": chip.limits.model_copy(update=changed), "shares_kernels": shares}
    )
