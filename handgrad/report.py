"""Reports as tables, by the name `handgrad.read_report`."""

from runner.report.read import read_report

__all__ = ["read_report"]
