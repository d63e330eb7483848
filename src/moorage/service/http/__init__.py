"""What all requests and answers have in common: errors, bodies, log-in, and the shapes of the API."""
