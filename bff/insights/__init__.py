"""Events in, and for staff what they add up to."""
