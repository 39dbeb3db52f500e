"""The chat: sessions, single questions, and the socket that relays answers word by word."""
