"""Services of the Open Geospatial Consortium with requests as key and value: WFS, WMS and WMTS."""
