"""References, manual gradients, verdicts."""
