"""The analytics service: events in through a durable stream, kept in PostgreSQL, counted on demand."""
