"""The spawn form as it is rendered: what its fields hold, and what it says of a person's limits."""
