"""Topology, points and units of a site as its configuration states them; light enough for the gateway to import."""
