"""Numbers with the unit that fits them."""

from __future__ import annotations

_SCALES = {
    "pJ": ((1e15, "kJ"), (1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ")),
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "ns": ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")),
    "W": ((1.0, "W"), (1e-3, "mW"), (1e-6, "µW"), (1e-9, "nW")),
    "bit": ((8 * 2.0**30, "GiB"), (8 * 2.0**20, "MiB"), (8 * 2.0**10, "KiB"), (1.0, "bit")),
}


def fitting(largest: float, base: str) -> tuple[float, str]:
    """The factor and the name of the unit in which ``largest``, given in ``base``, reads well.

    Examples
    --------
    >>> fitting(2.5e6, "pJ")
    (1000000.0, 'µJ')
    """
    scales = _SCALES[base]
    return next(((factor, name) for factor, name in scales if largest >= factor), scales[-1])


def amount(value: float, base: str) -> str:
    """A number with its unit, to three digits.

    Examples
    --------
    >>> amount(0.00125, "s"), amount(0.0, "pJ")
    ('1.25 ms', '0 pJ')
    """
    factor, unit = fitting(value, base)
    return f"{three_digits(value / factor)} {unit}"


def three_digits(value: float) -> str:
    """A number to three digits, its thousands set apart in the place of an exponent.

    Examples
    --------
    >>> three_digits(0.01234), three_digits(1266.0), three_digits(999.6)
    ('0.0123', '1,270', '1,000')
    """
    short = f"{value:.3g}"
    return f"{float(short):,.0f}" if abs(float(short)) >= 1000 else short
