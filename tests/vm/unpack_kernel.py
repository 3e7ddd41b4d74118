#!/usr/bin/python3
"""Takes the kernel proper out of a bzImage: unpack_kernel.py BZIMAGE ELF.

QEMU can start the ELF file directly. A kernel that unpacks itself on an emulated processor takes
several seconds for it, at each start."""

from __future__ import annotations

import lzma
import struct
import sys
from pathlib import Path

# The setup header of the x86 boot protocol (Documentation/arch/x86/boot.rst in Linux).
SECTOR_BYTES = 512
SETUP_SECTORS_AT = 0x1F1
MAGIC_AT = 0x202
PAYLOAD_AT = 0x248  # offset behind the setup sectors, then length


def unpack(image: bytes) -> bytes:
    if image[MAGIC_AT:MAGIC_AT + 4] != b"HdrS":
        raise ValueError("no bzImage")
    setup = (1 + (image[SETUP_SECTORS_AT] or 4)) * SECTOR_BYTES
    offset, length = struct.unpack_from("<II", image, PAYLOAD_AT)
    # Behind the compressed data stands their unpacked size, which the decompressor leaves alone.
    kernel = lzma.LZMADecompressor().decompress(image[setup + offset:setup + offset + length])
    if not kernel.startswith(b"\x7fELF"):
        raise ValueError("the bzImage holds no ELF file")
    return kernel


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        Path(sys.argv[2]).write_bytes(unpack(Path(sys.argv[1]).read_bytes()))
    except (ValueError, lzma.LZMAError) as error:
        sys.exit(f"unpack_kernel.py: {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
