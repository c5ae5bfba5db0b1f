"""Where a simulated site gets its weather and its IT load from."""
