"""The admin's side of the mesh: its services, its proxies, and how calls are spread."""
