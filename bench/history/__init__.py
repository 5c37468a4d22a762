"""The history: every measurement in one SQLite file, and the commands that read it."""
