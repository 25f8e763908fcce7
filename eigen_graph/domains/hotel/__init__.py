"""A seaside hotel: bookings, rates, payments and points; the user can only talk."""
