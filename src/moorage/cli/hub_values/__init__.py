"""`moorage hub-values`: one values file for the hub, of a person's own files and moorage's.

`documents` reads and writes YAML without touching what it does not change, `overlay` puts a person's files together as
Helm would, `fit` adds what moorage needs.
"""
