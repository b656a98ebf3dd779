"""A branch of people, sets and rests that emits what real sensors emit."""
