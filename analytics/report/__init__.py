"""The report of a release for a clinical governance board: one HTML page that needs nothing beside itself."""
