"""Comparisons of reports."""
