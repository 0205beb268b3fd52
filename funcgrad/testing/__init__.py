"""Checks for derivatives, for users and for our own tests."""

from funcgrad.testing.check_grads import GradReport, check_grads

__all__ = ["GradReport", "check_grads"]
