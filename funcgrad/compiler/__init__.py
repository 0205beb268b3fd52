"""From a jaxpr to a leaner jaxpr: simplification and planning. Knows no backend."""
