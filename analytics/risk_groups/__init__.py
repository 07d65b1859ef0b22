"""Risk groups: found without the outcome, judged by it, described in words. `fit(...)` makes a release."""
