"""Stand-ins for Chef's proprietary products, as installed inside the lab's packages."""
