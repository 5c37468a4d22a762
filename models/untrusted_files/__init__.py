"""Files that others made, held against what they may be before anything of them is read."""
