"""The SMART application: launch, live score, chart."""
