"""The pod of a task, as Airflow's KubernetesExecutor makes it of template and projects file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from medloom_airflow import retrain
from medloom_airflow.projects import Projects

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes" / "pod-template.yaml"
PROVIDER = "airflow.providers.cncf.kubernetes.pod_generator"
NO_PROVIDER = "apache-airflow-providers-cncf-kubernetes is not installed (extra kubernetes)"


def test_the_template_says_what_a_pod_of_a_task_needs() -> None:
    pod = yaml.safe_load(TEMPLATE.read_text())
    (container,) = pod["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert container["name"] == "base", "Airflow looks for it by this name"
    assert pod["spec"]["restartPolicy"] == "Never", "Airflow tries again, with a number of the try"
    assert variables["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"].endswith("/execution/")
    assert not [
        name for name in variables if "SECRET" in name or "PASSWORD" in name or "SQL" in name
    ]
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["spec"]["volumes"]}
    writable = [one for one in pod["spec"]["volumes"] if "emptyDir" in one]
    assert all(one["emptyDir"].get("sizeLimit") for one in writable)


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    file = tmp_path / "projects.yaml"
    pods = {"train": {"memory": "16Gi", "cpu": "4", "gpu": "1"}, "default": {"memory": "6Gi"}}
    kidney = {"environment": {"MEDLOOM_STATE": "/work/kidney"}, "pods": pods}
    file.write_text(yaml.safe_dump({"projects": {"kidney": kidney}}))
    return Projects.load({"MEDLOOM_PROJECTS": str(file)})


def pod_of(task: Any) -> Any:
    """The pod of a task, as the executor asks for it."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    return PodGenerator.construct_pod(
        dag_id="retrain_generator__kidney",
        task_id=task.task_id,
        pod_id="a-pod",
        try_number=2,
        kube_image="",
        date=None,
        args=["python", "-m", "airflow.sdk.execution_time.execute_workload"],
        pod_override_object=task.executor_config["pod_override"],
        base_worker_pod=PodGenerator.deserialize_model_file(str(TEMPLATE)),
        namespace="medloom",
        scheduler_job_id="1",
        run_id="manual__1",
    )


def test_airflow_makes_a_pod_of_template_and_project(projects: Projects) -> None:
    pytest.importorskip(PROVIDER, reason=NO_PROVIDER)
    (project,) = projects.usable
    dag = retrain.build(project)
    training, planning = (pod_of(dag.get_task(name)) for name in ("train", "plan"))
    for pod, memory in ((training, "16Gi"), (planning, "6Gi")):
        (container,) = pod.spec.containers
        assert (container.name, container.image) == ("base", "medloom:latest")
        assert container.args[-1].endswith("execute_workload")
        assert container.resources.requests["memory"] == memory
        assert container.resources.limits["memory"] == memory
        names = [one.name for one in container.env]
        assert names.count("AIRFLOW__CORE__EXECUTOR") == 1
        assert "MEDLOOM_PROJECTS" in names
        assert {"work", "keys"} <= {one.name for one in container.volume_mounts}
        assert pod.spec.restart_policy == "Never"
        assert pod.spec.security_context.fs_group == 50000
        assert pod.metadata.namespace == "medloom"
    assert training.spec.containers[0].resources.limits["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in planning.spec.containers[0].resources.limits


def test_the_scheduler_reads_the_pod_that_the_dag_processor_wrote(projects: Projects) -> None:
    pytest.importorskip(PROVIDER, reason=NO_PROVIDER)
    from airflow.serialization.serialized_objects import DagSerialization

    (project,) = projects.usable
    written = DagSerialization.to_dict(retrain.build(project))
    read = DagSerialization.from_dict(written)
    kept = read.get_task("train").executor_config["pod_override"]
    assert kept.spec.containers[0].resources.limits["nvidia.com/gpu"] == "1"


def test_without_kubernetes_a_project_with_pods_says_what_to_install(
    projects: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medloom_airflow.projects.find_spec", lambda name: None)
    file = tmp_path / "projects.yaml"
    found = Projects.load({"MEDLOOM_PROJECTS": str(file)})
    assert not found.usable
    assert "install apache-airflow-providers-cncf-kubernetes" in found.wrong[0]


@pytest.mark.parametrize(
    ("pods", "says"),
    [
        ({"trian": {"memory": "1Gi"}}, "did you mean pods.train"),
        ({"train": {"ram": "1Gi"}}, "unknown key pods.train.ram"),
        ({"train": {"memory": 16}}, "it is a text such as"),
        ({"train": "16Gi"}, "it is a mapping such as"),
    ],
)
def test_a_wrong_pod_is_named(pods: dict[str, Any], says: str, tmp_path: Path) -> None:
    file = tmp_path / "projects.yaml"
    kidney = {"environment": {"MEDLOOM_STATE": "/work/kidney"}, "pods": pods}
    file.write_text(yaml.safe_dump({"projects": {"kidney": kidney}}))
    assert any(says in wrong for wrong in Projects.load({"MEDLOOM_PROJECTS": str(file)}).wrong)
