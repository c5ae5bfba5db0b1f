"""The optimiser: model-predictive control of the setpoints, in a process of its own."""
