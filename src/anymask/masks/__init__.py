"""What a mask is outside the network; see README.md."""
