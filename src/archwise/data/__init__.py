"""Typed columns become arrays, by the same functions in training and in serving."""
