"""AWS/SQS metrics of every queue.

Restores "Available CloudWatch metrics for Amazon SQS" (SQS Developer Guide): ApproximateNumberOfMessagesVisible,
-NotVisible, -Delayed and ApproximateAgeOfOldestMessage, by QueueName, at each round of alarm evaluation (AWS: each
minute). The age counts messages that were received as well, until they are deleted or moved to a dead-letter queue.
"""

from __future__ import annotations

import time

from ministack.services import cloudwatch, sqs


def publish() -> None:
    now = time.time()
    for url, queue in list(sqs._queues.items()):
        name = queue.get("name") or url.rsplit("/", 1)[-1]
        messages = list(queue["messages"])
        waiting = [m for m in messages if m.get("visible_at", 0) > now]
        delayed = sum(1 for m in waiting if not m.get("receive_count"))
        oldest = min((m.get("sent_at", now) for m in messages), default=now)
        figures = {
            "ApproximateNumberOfMessagesVisible": (len(messages) - len(waiting), "Count"),
            "ApproximateNumberOfMessagesNotVisible": (len(waiting) - delayed, "Count"),
            "ApproximateNumberOfMessagesDelayed": (delayed, "Count"),
            "ApproximateAgeOfOldestMessage": (int(now - oldest), "Seconds"),
        }
        for metric, (value, unit) in figures.items():
            cloudwatch.record_metric("AWS/SQS", metric, value, unit, {"QueueName": name})
