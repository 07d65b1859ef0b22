"""The pipeline: export, load, build, fit, publish."""
