"""The contract, the registry, and code from elsewhere."""
