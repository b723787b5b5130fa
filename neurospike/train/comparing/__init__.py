"""Finished runs beside each other: what each reached, and what it takes."""
