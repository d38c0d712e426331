"""Unpacking the organiser's archives safely."""
