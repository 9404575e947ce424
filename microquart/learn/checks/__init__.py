"""What has to hold: a file for each exercise, and in it, functions."""
