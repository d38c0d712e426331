"""From predictions to a CSV, from a CSV to a score, from a score to a leaderboard rank."""
