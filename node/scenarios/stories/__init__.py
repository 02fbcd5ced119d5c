"""Stories: a published result in words, figures and a map, for people who have no node."""
