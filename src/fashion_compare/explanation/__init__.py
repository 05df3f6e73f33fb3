"""What the trained networks look at."""
