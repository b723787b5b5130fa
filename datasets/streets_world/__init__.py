"""Generated streets: their meshes, who drives and walks there, and the scanner that sees them."""
