"""Objects in three dimensions, as a viewer in a browser draws them: CityJSON, and sets of 3D Tiles."""
