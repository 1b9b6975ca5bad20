"""What is said of a wrong gradient."""
