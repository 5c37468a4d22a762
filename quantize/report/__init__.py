"""Reports on calibration and on the sensitivity of layers."""
