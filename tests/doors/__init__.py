"""Tests of the doors for code that stands elsewhere."""
