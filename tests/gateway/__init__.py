"""Tests of the lines and of what they are told."""
