"""Products, their categories, and what members say of them."""
