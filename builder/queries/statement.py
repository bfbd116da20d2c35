"""What SQL from outside may say: one question of the views, and nothing else.

The database's own parser reads it; only what is known to be harmless is let through: kinds of questions, tables that are views of
ours, functions that make rows of their arguments. The connection that answers it has no files, network or extensions either.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from builder.errors import UsageError, nearest
from builder.language.messages import worded

# Table functions beyond these look at files, settings or the process.
_TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "repeat", "repeat_row", "json_each", "json_tree"})
# Of functions that have effects beside their value these do harm: a question could sleep, and ask for what was not asked.
_REFUSED_FUNCTIONS = frozenset({"sleep_ms", "write_log", "setval", "nextval", "currval", "setseed", "current_setting"})
_QUESTIONS = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_LONGEST = 100_000  # characters
_ONLY = worded("Only one SELECT can be asked, of the views; files, settings and other databases are out of reach.")


@dataclass(frozen=True, slots=True)
class Statement:
    """A question that may be asked.

    Attributes:
        text: as it was given.
        tables: the views that it reads.
        names: of columns and of whatever else it names.
        star: it may ask for every column of a view.
    """

    text: str
    tables: frozenset[str]
    names: frozenset[str]
    star: bool


def read_statement(connection: duckdb.DuckDBPyConnection, text: str, views: Collection[str]) -> Statement:
    """Read a question from outside.

    Raises:
        UsageError: it is not SQL, no question, or asks for what is out of reach.
    """
    if len(text) > _LONGEST:
        raise UsageError(
            worded("the query has {text:,} characters: {longest:,} are the most", text=len(text), longest=_LONGEST)
        )
    nodes = list(_nodes(_parsed(connection, text)))
    for node in nodes:
        _refuse_other(node)
    named = {name.lower() for node in nodes for name in _common_tables(node)}
    tables = {str(node["table_name"]).lower() for node in nodes if node.get("type") == "BASE_TABLE"}
    tables |= {
        str(node["table_name"]).lower() for node in nodes if node.get("type") == "SHOW_REF" and node["table_name"]
    }
    if any(node.get("show_type") == "SHOW_SPECIAL" for node in nodes):
        raise UsageError(
            worded("the query lists tables"), worded("`seedbed query DIR` lists the views and their columns.")
        )
    for table in sorted(tables - named - set(views)):
        raise UsageError(
            worded("there is no view {table}{nearest}", table=table, nearest=nearest(table, views)),
            worded("There are: {views}.", views=", ".join(sorted(views))),
        )
    columns = {str(name).lower() for node in nodes for name in node.get("column_names") or ()}
    star = any(node.get("class") == "STAR" for node in nodes)
    return Statement(text, frozenset(tables & set(views)), frozenset(columns), star)


def _parsed(connection: duckdb.DuckDBPyConnection, text: str) -> Any:
    try:
        found = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()
        parsed = json.loads(found[0][0])
    except (duckdb.Error, ValueError, RecursionError) as error:
        raise UsageError(
            worded("the query cannot be read ({first_line})", first_line=_first_line(error)), _ONLY
        ) from None
    if parsed.get("error"):
        if parsed.get("error_type") == "parser":
            raise UsageError(worded("the query is not SQL: {error_message}", error_message=parsed["error_message"]))
        raise UsageError(worded("the query is not a SELECT"), _ONLY)
    if len(parsed["statements"]) != 1:
        raise UsageError(worded("the query holds {statements} statements", statements=len(parsed["statements"])), _ONLY)
    return parsed


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a parse tree."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _refuse_other(node: dict[str, Any]) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _QUESTIONS:
        raise UsageError(worded("the query changes something"), _ONLY)
    if kind == "TABLE_FUNCTION":
        function = str(node["function"].get("function_name", "")).lower()
        if function not in _TABLE_FUNCTIONS:
            raise UsageError(worded("{function}() is out of reach of a query", function=function), _ONLY)
    if str(node.get("function_name", "")).lower() in _REFUSED_FUNCTIONS:
        raise UsageError(
            worded("{function_name}() is out of reach of a query", function_name=str(node["function_name"]).lower()),
            _ONLY,
        )
    if kind == "BASE_TABLE" and (node.get("schema_name") or node.get("catalog_name")):
        raise UsageError(worded("the query names a schema or a database"), _ONLY)


def _common_tables(node: dict[str, Any]) -> Iterator[str]:
    """The names that a WITH gives."""
    held = node.get("cte_map")
    if isinstance(held, dict):
        yield from (str(entry["key"]) for entry in held.get("map", ()))
    if node.get("type") in ("RECURSIVE_CTE_NODE", "CTE_NODE"):
        yield str(node.get("cte_name", ""))
