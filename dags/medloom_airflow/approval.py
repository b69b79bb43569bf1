"""A question to a person, whose answer is kept whichever it is."""

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator


class Approval(ApprovalOperator):  # type: ignore[misc]
    """Airflow's approval; who answered, and why, is an XCom after a rejection too.

    ApprovalOperator ends a rejection by skipping what follows, and returns nothing then.
    """

    ANSWER = "answer"

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the answer, then go on as ApprovalOperator does."""
        if "error" not in event:
            person, form = event["responded_by_user"] or {}, event["params_input"] or {}
            answer = {"by": person.get("name") or "", "why": form.get("why") or ""}
            context["ti"].xcom_push(key=self.ANSWER, value=answer)
        return super().execute_complete(context, event)
