"""Pretraining without labels: student, teacher, losses, loop and monitor."""
