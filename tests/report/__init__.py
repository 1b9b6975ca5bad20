"""The ledger, the CSV and the tables."""
