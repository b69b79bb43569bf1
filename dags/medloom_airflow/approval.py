"""A request for approval whose answer is also kept after a rejection."""

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator


class Approval(ApprovalOperator):  # type: ignore[misc]
    """ApprovalOperator, with the user and the reason as an XCom, also after a rejection.

    ApprovalOperator itself returns nothing when it skips the tasks that follow a rejection.
    """

    ANSWER = "answer"
    _SUMMARY = ("options", "chosen_options", "approved")

    @property
    def hitl_summary(self) -> dict[str, Any]:
        """What listeners such as OpenLineage are told: the answer, and nobody's words or name."""
        told = super().hitl_summary
        return {name: told[name] for name in self._SUMMARY if name in told}

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Push the answer as an XCom, then continue as ApprovalOperator does."""
        if "error" not in event:
            person, form = event["responded_by_user"] or {}, event["params_input"] or {}
            answer = {"by": person.get("name") or "", "why": form.get("why") or ""}
            context["ti"].xcom_push(key=self.ANSWER, value=answer)
        return super().execute_complete(context, event)
