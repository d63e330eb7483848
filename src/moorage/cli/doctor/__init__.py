"""`moorage doctor`: what the live hub and its release say, read and never written, subject by subject.

`hub` finds the hub and its values, `facts` reads what the checks need, `checks` are functions from facts to findings,
`show` prints them.
"""
