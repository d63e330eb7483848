"""`moorage import-profiles`: a list of KubeSpawner's profiles as moorage's images and presets."""
