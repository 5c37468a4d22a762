"""Python packages for the runner on a device."""
