"""Open streams: what each gets, when, and from where it goes on."""
