"""What must always hold: vocabulary, limits, sensor gate, envelope and modes; pure functions over frozen values, standard library only."""
