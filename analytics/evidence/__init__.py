"""What a release is judged by: later outcomes, baselines, subgroups, and the same method at earlier dates."""
