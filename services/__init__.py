"""The services of Aisle, the runtime they share, and the control plane of their mesh."""
