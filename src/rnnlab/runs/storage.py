"""Optuna's storage of a ledger: SQLite's file, or a database."""

import warnings
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError

ERRORS = (SQLAlchemyError, optuna.exceptions.OptunaError, ImportError)
"""What a database that cannot be used raises."""


def open_storage(url: str, *, durable: bool = True) -> RDBStorage:
    """Optuna's storage of a URL.

    Args:
        url: As SQLAlchemy has it.
        durable: Whether each write is on the disk before the next; not needed of a file that is
            not in its place yet.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options: dict[str, Any] = {}
    if url.startswith("sqlite"):
        options["connect_args"] = {"timeout": 120}
    else:
        options["pool_pre_ping"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = RDBStorage(url, engine_kwargs=options)
    if not durable and url.startswith("sqlite"):

        @event.listens_for(storage.engine, "connect")
        def _fast(connection: Any, _: Any) -> None:
            connection.execute("pragma synchronous=off")

        storage.engine.dispose()
    return storage


def public_url(url: str) -> str:
    """A database without its password."""
    try:
        return create_engine(url).url.render_as_string(hide_password=True)
    except (SQLAlchemyError, ImportError):
        return "sweep.storage"


def first_line(error: Exception) -> str:
    """The first line of the deepest error."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper  # type: ignore[assignment]
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
