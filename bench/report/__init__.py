"""The report: everything measured, as one HTML page."""
