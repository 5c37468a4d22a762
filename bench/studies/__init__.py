"""Scripts that measure this project itself and print the figures of the documentation."""
