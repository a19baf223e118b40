"""Rollouts, analysis, gateways, permissions and notifications as values and pure functions."""
