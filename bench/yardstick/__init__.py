"""What the project's endpoints are measured against: the same work, written by hand for this one purpose."""
