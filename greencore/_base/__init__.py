"""The ground floor: what the rest of the package stands on. Nothing here knows of greenlets and hubs."""
