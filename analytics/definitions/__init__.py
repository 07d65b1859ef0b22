"""What is defined: codes, windows, units, sentences, and the small engine that runs them."""
