"""What stands between the daemon and the world outside of the plant: sources of forecasts, and schedulers; a process of its own, but for ``desk``."""
