"""Many points: where they are recorded as they finish."""
