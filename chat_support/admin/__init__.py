"""The admin's pages of the support desk."""
