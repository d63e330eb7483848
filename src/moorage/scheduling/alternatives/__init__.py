"""What would help an ask that does not fit as it is: less of something, an eviction, a machine that may come."""
