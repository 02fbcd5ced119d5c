"""Pictures that the portal draws itself, as SVG."""
