"""Everything between a file somewhere and arrays of garments: find, download, verify, read, split."""
