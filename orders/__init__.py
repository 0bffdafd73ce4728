"""Orders: what was bought, the steps of its life, and what came back."""
