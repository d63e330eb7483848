"""What the labels of nodes say about cards: vendors' and clouds', models and kinds behind them, what they promise."""
