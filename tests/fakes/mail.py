"""Messages to the admins, in memory."""

from __future__ import annotations

from core.errors import OutOfReach


class MemoryMail:
    """``auditor.services.Mail``. ``broken``: so many messages from now on are not taken."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.broken = 0

    def publish(self, subject: str, text: str) -> None:
        if self.broken:
            self.broken -= 1
            raise OutOfReach("publish message", "memory", "no answer")
        self.sent.append((subject, text))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.sent]
