"""The demonstration: a region and three cities, each a separate process, do the main job before your eyes.

All data come from a seeded generator; their descriptions state this.
"""
