"""Embedded EHR, population generator and hand-written cases."""
