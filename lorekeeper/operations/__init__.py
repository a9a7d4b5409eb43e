"""What an operator asks of a running server: is it alive, is it ready, how does it do."""
