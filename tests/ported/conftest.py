"""The scripts are read, not imported: they ask for the peers."""

collect_ignore_glob = ["scripts/*.py"]
