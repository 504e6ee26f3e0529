"""PostgreSQL through psycopg 3: row locks, LISTEN, a pool."""
