"""What a person is offered: nodes, kinds of GPU, presets and amounts, and a refusal of what is not among it."""
