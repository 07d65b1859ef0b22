"""Bulk Data Access: `$export` from kick-off to files (routes.py first)."""
