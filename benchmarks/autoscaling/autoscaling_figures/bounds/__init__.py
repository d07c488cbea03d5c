"""What nobody can beat: the load known in advance."""
