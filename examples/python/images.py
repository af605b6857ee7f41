# SPDX-License-Identifier: MIT
"""Loads images into a cache, and makes a bytes copy of each to take its checksum."""

import zlib

cache = []
for number in range(20):
    image = bytearray(2_000_000)
    zlib.crc32(bytes(image))
    cache.append(image)
