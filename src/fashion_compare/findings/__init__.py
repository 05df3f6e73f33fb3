"""Rules that turn numbers into sentences."""
