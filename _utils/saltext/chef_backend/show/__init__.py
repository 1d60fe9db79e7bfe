"""What people see: tables, plan, watch, journal, timeline, page, report."""
