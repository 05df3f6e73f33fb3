"""What a study found: the types of results.json, collecting and writing them."""
