"""What a node does when a run asks: its view, its commands, its own notes, the dead man's switch."""
