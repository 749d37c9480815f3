"""Which rights on tables and sequences the requests need, and which of them a role lacks."""

from collections.abc import Iterable

from sqlalchemy import MetaData, TextClause, text

RIGHTS = "rights"
"""The key in a table's ``info`` with the rights that the service needs, where these are not all four."""

ALL_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")

UNREADABLE = "SELECT on alembic_version"
"""How the statement names this right; without it, the revision of the schema is unknown."""


def missing_objects(metadata: MetaData, dialect: str) -> TextClause:
    """Return a statement that names what is missing, one a row: tables and, on PostgreSQL, rights of this role.

    It reads the catalogue only. A right on some columns counts as the right on the table.
    """
    tables = [metadata.tables[name] for name in sorted(metadata.tables)]
    if dialect == "sqlite":
        names = values([table.name] for table in tables)
        existing = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return text(f"SELECT 'the table ' || column1 FROM ({names}) WHERE column1 NOT IN ({existing})")
    rights = ([table.name, right] for table in tables for right in table.info.get(RIGHTS, ALL_RIGHTS))
    needed = values([["alembic_version", "SELECT"], *rights])
    missing_rights = f"""
        SELECT CASE WHEN id IS NULL THEN 'the table ' || name ELSE priv || ' on ' || name END
        FROM (SELECT name, priv, to_regclass(name)::oid AS id FROM ({needed}) AS needed(name, priv)) AS needed
        WHERE NOT coalesce(
            CASE priv WHEN 'DELETE' THEN has_table_privilege(id, priv) ELSE has_any_column_privilege(id, priv) END,
            false
        )"""
    keys = values([table.name, key.name] for table in tables if (key := table.autoincrement_column) is not None)
    missing_sequences = f"""
        SELECT 'USAGE on the sequence of ' || name FROM ({keys}) AS keys(name, key) WHERE CASE
            WHEN to_regclass(name) IS NULL THEN false
            ELSE NOT coalesce(has_sequence_privilege(pg_get_serial_sequence(name, key), 'USAGE'), true)
        END"""
    return text(f"{missing_rights} UNION {missing_sequences} ORDER BY 1")


def values(rows: Iterable[Iterable[str]]) -> str:
    return "VALUES " + ", ".join("(" + ", ".join(f"'{value}'" for value in row) + ")" for row in rows)
