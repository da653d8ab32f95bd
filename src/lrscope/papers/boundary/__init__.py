"""Study `boundary`: which pairs of learning rates train, and how rough the edge between them and the others is."""
