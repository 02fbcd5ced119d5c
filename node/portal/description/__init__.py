"""Descriptions of assets, prepared for pages."""
