"""What a site is: its description, component equations, the detailed simulator, and the optimiser's reduced model."""
