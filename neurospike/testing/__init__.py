"""Assertions and generators for users' own tests."""

from neurospike.testing.neurons import assert_step_equals_sequence, assert_unary_equals_integer
from neurospike.testing.sparse import (
    assert_matches_dense,
    assert_translation_equivariant,
    random_cloud,
)

__all__ = [
    "assert_matches_dense",
    "assert_step_equals_sequence",
    "assert_translation_equivariant",
    "assert_unary_equals_integer",
    "random_cloud",
]
