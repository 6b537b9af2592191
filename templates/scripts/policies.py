"""The two policies by which a node's role may read the ring's baselines."""

POLICIES = ("AWSQuickSetupPatchPolicyBaselineAccess", "AmazonSSMManagedInstanceCore")


def arns(partition: str) -> dict[str, str]:
    """Their ARNs, by name."""
    return {name: f"arn:{partition}:iam::aws:policy/{name}" for name in POLICIES}
