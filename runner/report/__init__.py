"""What a person reads: the CSV, its summary, and the tables in the terminal."""
