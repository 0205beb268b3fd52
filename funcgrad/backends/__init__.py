"""Backends: a jaxpr becomes a program that runs on arrays."""
