"""What is read out of the store: pages, watches, selectors, tables."""
