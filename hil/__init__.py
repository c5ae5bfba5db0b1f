"""The bench: a simulated site on the wire, faults, scenarios and the demo; it never imports the daemon."""
