"""The operations: one block each, with all their rules; families derive most fields."""
