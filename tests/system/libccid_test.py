"""Debian's unmodified libccid with emulated USB readers: the exchange with cards."""

from __future__ import annotations

from harness import ccid_cases
from harness.usb_case import SCR3310


class Libccid(ccid_cases.CcidCases):
    friendly = SCR3310
