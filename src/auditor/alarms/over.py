"""Mail that an alarm of CloudWatch is over, where it was on: CloudWatch invokes the function as the action of OK.

It does so on each change to OK, of a new alarm too, from INSUFFICIENT_DATA: of that nobody is told. The event is that
of the CloudWatch User Guide, "Invoke a Lambda function from an alarm". Lambda may deliver one twice (Developer Guide,
"Asynchronous invocation"): then the mail comes twice.
"""

from __future__ import annotations

from auditor.alarms.mail import compose_alarm_end
from auditor.events import Json
from auditor.services import Services


def alarm_over_step(event: Json, services: Services, *, environment: str) -> Json:
    """Mail that the alarm is over; nothing of an alarm that was not on before."""
    change = event["alarmData"]
    before, now = change["previousState"], change["state"]
    is_over = (before["value"], now["value"]) == ("ALARM", "OK")
    if is_over:
        subject, text = compose_alarm_end(
            change["alarmName"],
            since=before.get("timestamp", ""),
            until=now.get("timestamp", ""),
            reason=now.get("reason", ""),
            description=change.get("configuration", {}).get("description", ""),
            environment=environment,
        )
        services.needed_mail().publish(subject, text)
    services.log.info("alarm is OK", alarm=change["alarmName"], before=before["value"], mailed=is_over)
    return {"mailed": is_over}
