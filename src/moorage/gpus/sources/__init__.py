"""One module for each place that knows something of cards. `base` says what a source is."""
