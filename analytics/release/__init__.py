"""What a release holds beside its groups: where it comes from, and what it is worth (docs/release.md)."""
