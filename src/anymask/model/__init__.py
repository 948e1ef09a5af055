"""The paper's figure, one box a file; see README.md."""
