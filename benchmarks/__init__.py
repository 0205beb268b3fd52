"""funcgrad beside its peers: the same work, the same inputs, one process and one core each.

`python -m benchmarks` runs every workload; `python -m benchmarks --help` has the options.

Each measurement is one *cell*: a case of a workload, a peer, and a mode (un-jitted or jitted). A
cell runs in a process of its own, so that a first call is a first call. Its result is compared with
NumPy code whose derivative was written by hand before its time is believed.
"""
