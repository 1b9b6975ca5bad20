"""`report.html`: a report as one file, which opens from disk and says what to look at first."""
