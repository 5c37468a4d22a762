"""Model files of every kind: what all of them tell."""
