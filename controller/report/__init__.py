"""The evidence report: one page that shows what the daemon did, what it saved and what it cost in violations; it decides nothing."""
