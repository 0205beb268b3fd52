"""autograd.misc: ``flatten``, optimizers, fixed points."""

from funcgrad.compat.autograd.misc.flatten import flatten

__all__ = ["flatten"]
