"""What an API server does to objects: defaults, admission, validation, patches; and what they mean for a pod."""
