"""Pages on which assets are described, published and changed."""
