"""Machines that are not there yet: what an autoscaler, a file or the past says of them, put into one picture."""
