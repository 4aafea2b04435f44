"""Messages to the admins, in memory."""

from __future__ import annotations

from core.errors import OutOfReach


class MemoryMail:
    """``auditor.services.Mail``. ``broken``: so many messages from now on are not taken. ``heard``: by somebody."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.broken = 0
        self.heard = True

    def publish(self, subject: str, text: str) -> None:
        if self.broken:
            self.broken -= 1
            raise OutOfReach("publish message", "memory", "no answer")
        self.sent.append((subject, text))

    def is_heard(self) -> bool:
        return self.heard

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.sent]
