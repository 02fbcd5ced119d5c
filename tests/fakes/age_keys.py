"""Secret keys in the text form of the age tools (``AGE-SECRET-KEY-1…``), written without the node's own Bech32."""

from __future__ import annotations

from typing import Final

_CHARACTERS: Final = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
_PREFIX: Final = "AGE-SECRET-KEY-"


def identity_text(secret: bytes) -> str:
    """``secret`` (32 bytes) as ``age-keygen`` writes it (BIP 173)."""
    bits = "".join(f"{byte:08b}" for byte in secret)
    bits += "0" * (-len(bits) % 5)
    groups = [int(bits[place : place + 5], 2) for place in range(0, len(bits), 5)]
    prefix = _PREFIX.lower().encode()
    checked = [*(code >> 5 for code in prefix), 0, *(code & 31 for code in prefix), *groups]
    remainder = 1
    for group in [*checked, *[0] * 6]:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ group
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            remainder ^= generator if top >> bit & 1 else 0
    remainder ^= 1
    groups += [remainder >> 5 * place & 31 for place in reversed(range(6))]
    return f"{_PREFIX}1{''.join(_CHARACTERS[group] for group in groups)}"
