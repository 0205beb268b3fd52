"""Tracing: a user's function runs once over tracers and leaves a path in the trace tree."""
