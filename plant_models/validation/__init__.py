"""What the simulator gives beside what an engineer expects of a plant; ``python -m plant_models.validation`` writes the page."""
