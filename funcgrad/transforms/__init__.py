"""Transforms: functions from jaxpr to jaxpr, one file each, and their public faces."""
