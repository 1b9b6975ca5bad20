"""Where a gradient is wrong."""
