"""Debian's unmodified libccid with emulated USB readers: the exchange with cards."""

from __future__ import annotations

from harness.ccid_cases import CcidCases
from harness.usb_case import SCR3310, UsbTest


class Libccid(CcidCases, UsbTest):
    friendly = SCR3310
