"""Optuna's storage of a ledger: SQLite's file, or a database."""

import errno
import os
import warnings
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import create_engine, event
from sqlalchemy.exc import SQLAlchemyError

ERRORS = (SQLAlchemyError, optuna.exceptions.OptunaError, ImportError)
"""What a database that cannot be used raises."""

DISK = {"disk is full": errno.ENOSPC, "disk I/O error": errno.EIO}
"""What SQLite says of its disk."""


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
    if url.startswith("sqlite"):

        @event.listens_for(storage.engine, "handle_error")
        def _full(context: Any) -> OSError | None:
            said, file = str(context.original_exception), storage.engine.url.database
            number = next((number for text, number in DISK.items() if text in said), None)
            return None if number is None else OSError(number, os.strerror(number), file)

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
