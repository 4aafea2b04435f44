"""Messages to the admins through one SNS topic."""

from __future__ import annotations

from typing import Any

from aws.failures import reaching


class SnsTopic:
    """``auditor.services.Mail`` over SNS; a subject has at most 100 ASCII characters."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        with reaching("publish message", self._arn):
            plain = subject.encode("ascii", "replace").decode()[:100]
            self._client.publish(TopicArn=self._arn, Subject=plain, Message=text)

    def is_heard(self) -> bool:
        """Whether a subscription is confirmed: SNS delivers to no other, and keeps no message for later ones."""
        with reaching("count subscriptions", self._arn):
            attributes = self._client.get_topic_attributes(TopicArn=self._arn)["Attributes"]
            return int(attributes["SubscriptionsConfirmed"]) > 0
