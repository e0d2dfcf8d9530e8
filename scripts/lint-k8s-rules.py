"""Rules that Kubernetes' schemas don't know: lint-k8s-rules.py NAME RENDERED CORE

Writes what Kubernetes itself defines to CORE, for its schemas.
"""

import sys

import yaml

FOREIGN = ("monitoring.coreos.com/",)
# The longest stop of a process (docs/architecture.md, Deadlines), and the pause before it.
LONGEST_STOP = 12 + 5

name, rendered, core = sys.argv[1:]
with open(rendered) as file:
    documents = [document for document in yaml.safe_load_all(file) if document]
with open(core, "w") as file:
    yaml.safe_dump_all([d for d in documents if not d["apiVersion"].startswith(FOREIGN)], file)

problems = []


def rule(holds, what):
    if not holds:
        problems.append(what)


def named(kind):
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


roles = named("StatefulSet") | named("Deployment")
rule(set(roles) == {"coordinator", "shard", "worker", "api"}, f"the roles are {sorted(roles)}")
for role, document in roles.items():
    pod = document["spec"]["template"]["spec"]
    labels = document["spec"]["template"]["metadata"]["labels"]
    rule(pod["serviceAccountName"] == role and role in named("ServiceAccount"), f"{role}: no ServiceAccount of its own")
    rule(role in named("PodDisruptionBudget"), f"{role}: no PodDisruptionBudget")
    rule(pod.get("automountServiceAccountToken") is False, f"{role}: has a token for Kubernetes' API")
    rule(pod["terminationGracePeriodSeconds"] >= LONGEST_STOP, f"{role}: is killed before it has stopped")
    rule(pod.get("topologySpreadConstraints"), f"{role}: is not spread")
    context = pod["securityContext"]
    rule(context.get("runAsNonRoot") is True, f"{role}: may run as root")
    rule(context.get("seccompProfile", {}).get("type") == "RuntimeDefault", f"{role}: has no seccomp profile")
    for container in pod["containers"] + pod.get("initContainers", []):
        context = container["securityContext"]
        where = f"{role}/{container['name']}"
        rule(context.get("allowPrivilegeEscalation") is False, f"{where}: may gain privileges")
        rule(context.get("readOnlyRootFilesystem") is True, f"{where}: may write to its file system")
        rule(context.get("capabilities", {}).get("drop") == ["ALL"], f"{where}: keeps capabilities")
        rule(container["resources"].get("limits", {}).get("memory"), f"{where}: has no limit for memory")
        for variable in container["env"]:
            secret = any(word in variable["name"] for word in ("TOKEN", "DATABASE_URL", "AMQP_URL", "REDIS_URL"))
            rule(not secret or variable["name"].endswith("_FILE"), f"{where}: {variable['name']} is a secret in the open")
    for probe in ("startupProbe", "livenessProbe"):
        path = pod["containers"][0][probe]["httpGet"]["path"]
        rule(path == "/livez", f"{role}: {probe} restarts it on {path}")
    for kind in ("PodDisruptionBudget", "Service"):
        selector = named(kind).get(role, {}).get("spec", {}).get("selector", {})
        selector = selector.get("matchLabels", selector)
        rule(selector.items() <= labels.items(), f"{role}: its {kind} selects other pods")
rule(not named("Secret"), "a secret is rendered")
denial = named("NetworkPolicy").get("default-deny", {}).get("spec", {})
rule(
    denial.get("podSelector") == {} and sorted(denial.get("policyTypes", [])) == ["Egress", "Ingress"],
    "nothing denies what no policy allows",
)
rule(
    any(d["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") == "restricted" for d in named("Namespace").values()),
    "the namespace does not enforce restricted pod security",
)
for problem in problems:
    print(f"k8s/overlays/{name}: {problem}")
sys.exit(1 if problems else 0)
