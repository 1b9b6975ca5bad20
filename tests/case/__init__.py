"""From settings to a case."""
