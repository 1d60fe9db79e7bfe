"""What Chef prints and how it behaves, read: pure functions from text to frozen values."""
