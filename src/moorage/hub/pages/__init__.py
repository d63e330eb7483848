"""What a browser gets: the form, the verdict on what stands in it, and the stream that keeps it true."""
