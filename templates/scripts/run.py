"""One execution: calls that are waited for where that helps, and a record of what was done."""

import time
from typing import Any

from botocore.exceptions import ClientError
from document import code

PAUSES = (1, 2, 4, 8, 15, 15, 15)  # seconds: IAM takes up to a minute to spread
QUOTA = ". A quota is used up (10 managed policies or 50 tags a role): free one or raise it"
HINTS = {"LimitExceeded": QUOTA}
BUSY = "ConcurrentModification"  # two runs change one role; it passes at once


class Run:
    """One execution. Every error says on what, and what had been done before."""

    def __init__(self, subject: str, *passing: str) -> None:
        self.subject, self.passing, self.done = subject, (BUSY, *passing), []

    def error(self, text: str) -> Exception:
        return RuntimeError(f"{self.subject}: {text}. Done before: {'; '.join(self.done) or 'nothing'}.")

    def call(self, doing: str, call: Any, *fine: str, **arguments: Any) -> Any:
        """AWS's answer; None if it is one of the errors that are fine. Errors that pass are waited for."""
        pauses = iter(PAUSES)
        while True:
            try:
                return call(**arguments)
            except ClientError as error:
                if code(error) in fine:
                    return None
                pause = next(pauses, 0)
                if code(error) not in self.passing or not pause:
                    raise self.error(f"{doing} failed: {error}{HINTS.get(code(error), '')}") from error
                time.sleep(pause)
