"""What `make bench` measures: ratios of medians, side by side in one run."""
