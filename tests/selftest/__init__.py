"""The self-test, tested."""
