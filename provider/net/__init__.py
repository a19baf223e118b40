"""Outgoing connections: allowed addresses only, bounded in time and size."""
