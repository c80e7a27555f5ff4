"""Constants of nature and of the Earth that several rooms need."""

from typing import Final

#: Of a sphere of the Earth's size, m.
EARTH_RADIUS: Final = 6371e3
