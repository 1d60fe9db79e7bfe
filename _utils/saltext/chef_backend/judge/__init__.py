"""What that means: who is who, health, gates, advice, the way and its hops, windows. Pure: no Salt, files or clocks."""
