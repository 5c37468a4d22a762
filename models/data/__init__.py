"""Labelled images: folders, .npz files, the embedded demo."""
