"""Publish the dataset: export to shards, describe it in a card, push it to the Hub, and take people out again."""
