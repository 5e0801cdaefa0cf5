"""One module per library; a function runs n operations of one scenario and returns the seconds."""
