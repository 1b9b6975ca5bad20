"""Sweeps: that they compute what Hydra would, lose nothing, and survive what they run."""
