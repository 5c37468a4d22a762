"""The programs that are pushed to a device; they import nothing of ours."""
