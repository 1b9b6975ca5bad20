"""Tests mirror the tree; what they run over is the registry and the configs, not a list of names."""
