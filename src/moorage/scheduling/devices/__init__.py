"""Devices of Dynamic Resource Allocation, without any I/O: what there is, what is taken, and whether claims can be met.

What can't be told with certainty raises `Doubt`, which says in plain words why.
"""
