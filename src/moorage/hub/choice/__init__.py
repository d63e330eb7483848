"""What a person may choose, and chose."""
