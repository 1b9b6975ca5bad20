"""References, manual gradients, and the verdict on each."""
