"""Commands that publish assets, change and withdraw them."""
