"""What moves in the page: each script beside the Python that feeds it."""
