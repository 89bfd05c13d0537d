"""Instruments that read a run without changing it, alarms, and where both write."""
