"""Which line of a hand-derived gradient is wrong, and which line loses the digits."""
