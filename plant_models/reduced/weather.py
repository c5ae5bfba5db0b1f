"""The names by which the reduced model knows the weather."""

from typing import Final

WETBULB: Final = "weather.oa_wetbulb_c"
DRYBULB: Final = "weather.oa_drybulb_c"
