"""Recognise DICOM without a preamble: old exports begin with their first element."""

import struct

_FIRST = ((0x0008, 0x0000), (0x0008, 0x0001), (0x0008, 0x0005), (0x0008, 0x0008), (0x0008, 0x0016),
          (0x0002, 0x0000), (0x0002, 0x0001), (0x0002, 0x0002), (0x0002, 0x0010))  # fmt: skip
_MOST = 1024  # the first elements are short


def is_bare_dicom(head: bytes) -> bool:
    """Whether `head` begins with a usual first element of DICOM, of a plausible length."""
    if len(head) < 8:
        return False
    for order in "<>":
        group, element, short = struct.unpack(f"{order}HH2xH", head[:8])
        if (group, element) in _FIRST:
            explicit = head[4:6].isalpha() and head[4:6].isupper()
            (long,) = struct.unpack(f"{order}I", head[4:8])
            return explicit or (long or short) <= _MOST
    return False
