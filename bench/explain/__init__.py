"""Where two files begin to disagree, layer by layer."""
