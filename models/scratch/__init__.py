"""Temporary folders and their locks; devices run this, with Python 3.9 and its own library."""
