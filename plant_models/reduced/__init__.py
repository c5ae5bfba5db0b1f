"""The optimiser's own model of a site: smooth, few states, parameters identified from readings; it shares no machine map with the simulator."""
