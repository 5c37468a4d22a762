"""The first layer at which two files disagree, found layer by layer."""
