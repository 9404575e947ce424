"""Programs that show a fault: a learner gets one of them, as show.py."""
