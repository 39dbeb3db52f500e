"""What the platform measures, declared once: compared with the code, and written out as dashboards and alarms."""
