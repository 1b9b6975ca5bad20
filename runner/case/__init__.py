"""From settings to tensors: the specification of an experiment, and the case that it makes."""
