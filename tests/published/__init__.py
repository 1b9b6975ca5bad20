"""Backwards that others have published, judged as their users have them: `make published`."""
