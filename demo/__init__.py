"""The demonstration: a region and three cities, each its own process, do the main job before your eyes.

All data are made up by a seeded generator, and say so in their descriptions.
"""
