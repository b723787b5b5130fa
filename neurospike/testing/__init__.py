"""Assertions and generators for users' own tests."""

from neurospike.testing.neurons import assert_step_equals_sequence, assert_unary_equals_integer

__all__ = ["assert_step_equals_sequence", "assert_unary_equals_integer"]
