"""The daemon: fieldbus clients, the cycle and its stages, journal, rollout ladder, reports and the command line."""
