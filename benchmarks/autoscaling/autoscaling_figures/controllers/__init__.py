"""Who decides: the product's own functions, and its peers as their sources describe them."""
