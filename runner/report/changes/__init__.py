"""Two reports side by side: what got worse, better, new or lost."""
