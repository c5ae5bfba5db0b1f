"""Equations of the machines, written once as NumPy expressions: they run on floats, on arrays and on CasADi symbols alike."""
