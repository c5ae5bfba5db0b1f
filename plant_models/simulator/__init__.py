"""The detailed simulator that stands in for a real site: machines, rows of racks, local loops, sequences, sensors."""
