"""What all scripts share: inputs that are checked, and clients that retry."""

import re
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

RETRIES = Config(retries={"mode": "standard", "max_attempts": 10})
GONE = ("InvalidInstanceID.NotFound", "InvalidResourceId")  # the node no longer exists


def client(service: str) -> Any:
    return boto3.client(service, config=RETRIES)


def code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def given(events: dict[str, Any], name: str, pattern: str) -> str:
    """One of the document's inputs. Nothing has been done yet where it is not as it should be."""
    value = events.get(name)
    if isinstance(value, str) and re.fullmatch(pattern, value):
        return value
    raise ValueError(
        f"the document's input {name} is {value!r:.200} and must match {pattern}. Nothing changed."
    )
