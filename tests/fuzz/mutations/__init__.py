"""Seeded damage: bytes of any file, and formats whose checksums and lengths are put right again after the damage."""
