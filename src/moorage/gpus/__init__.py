"""What the cards of each node are, who holds them and what they are doing.

Two axes that never mix: units (what the scheduler may still give, from the node and its pods alone) and activity
(memory in use, utilization, from whatever source the cluster has). Sources give facts of cards; `cards` merges them
with the units into one record for each physical card. Every field is a value with its source and age, or None with a
reason.
"""
