"""Writes the ring's patch baselines as the override file that the nodes read."""

import json
import re
from typing import Any

from botocore.exceptions import ClientError
from document import client, code, given

OBJECT = "baseline_overrides.json"
# What a baseline may lack. The agent forwards these nine keys and none may be null.
EMPTY = {
    "OperatingSystem": "",
    "GlobalFilters": {"PatchFilters": []},
    "ApprovalRules": {"PatchRules": []},
    "ApprovedPatches": [],
    "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
    "ApprovedPatchesEnableNonSecurity": False,
    "RejectedPatches": [],
    "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
    "Sources": [],
}
# A baseline is named by its id, by its ARN (AWS's own ones), or by its name.
ID = r"(arn:[a-z0-9-]+:ssm:[a-z0-9-]+:[0-9]{12}:patchbaseline/)?pb-[0-9a-fA-F]{17}"
NAME = r"[a-zA-Z0-9_.-]{3,128}"
RULE = ("PatchFilterGroup", "ComplianceLevel", "ApproveAfterDays", "ApproveUntilDate", "EnableNonSecurity")


def entry(baseline: dict[str, Any]) -> dict[str, Any]:
    """What the file says of one baseline."""
    made = {key: baseline.get(key, empty) for key, empty in EMPTY.items()}
    rules = made["ApprovalRules"].get("PatchRules", [])
    made["ApprovalRules"] = {
        "PatchRules": [{key: rule[key] for key in RULE if key in rule} for rule in rules]
    }
    return made


def ids_of(ssm: Any, baseline: str) -> list[str]:
    """The ids that are meant: of a name, all that the account has of it."""
    if re.fullmatch(ID, baseline):
        return [baseline]
    # The filter takes what begins with the name.
    filters = [{"Key": "OWNER", "Values": ["Self"]}, {"Key": "NAME_PREFIX", "Values": [baseline]}]
    pages = ssm.get_paginator("describe_patch_baselines").paginate(Filters=filters)
    found = [each for page in pages for each in page["BaselineIdentities"]]
    return sorted({each["BaselineId"] for each in found if each["BaselineName"] == baseline})


def read_baselines(baselines: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The entries by operating system, and what is wrong with those that are not there."""
    ssm = client("ssm")
    entries, problems = {}, []
    for system, baseline in sorted(baselines.items()):
        try:
            ids = ids_of(ssm, baseline)
            found = ssm.get_patch_baseline(BaselineId=ids[0]) if len(ids) == 1 else None
        except ClientError as error:
            if code(error) != "DoesNotExistException":
                raise RuntimeError(
                    f"reading baseline {baseline} of {system} failed: {error}. Nothing was written."
                ) from error
            ids, found = [], None
        if len(ids) > 1:
            problems.append(f"{system}: {len(ids)} baselines have the name {baseline}: {', '.join(ids)}")
        elif found is None:
            problems.append(f"{system}: baseline {baseline} no longer exists")
        elif found["OperatingSystem"] == system:
            entries[system] = entry(found)
        else:
            problems.append(f"{system}: baseline {baseline} is for {found['OperatingSystem']}")
    return entries, problems


def read_file(s3: Any, bucket: str) -> tuple[Any, str]:
    """What is there now and its ETag; nothing and no ETag where there is no file."""
    try:
        found = s3.get_object(Bucket=bucket, Key=OBJECT)
    except ClientError as error:
        if code(error) != "NoSuchKey":
            raise RuntimeError(
                f"reading s3://{bucket}/{OBJECT} failed: {error}. Nothing was written."
            ) from error
        return None, ""
    try:
        return json.loads(found["Body"].read()), found["ETag"]
    except ValueError:
        return None, found["ETag"]  # not JSON: to be replaced


def write_file(bucket: str, content: Any, etag: str) -> bool:
    """False where somebody else wrote since the file was read."""
    s3 = client("s3")
    header = ("If-Match", etag) if etag else ("If-None-Match", "*")
    # As a header: the boto3 that runs Automation scripts may be too old for these parameters.
    s3.meta.events.register(
        "before-call.s3.PutObject", lambda params, **_: params["headers"].update([header])
    )
    body = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    try:
        s3.put_object(Bucket=bucket, Key=OBJECT, Body=body.encode(), ContentType="application/json")
    except ClientError as error:
        if code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise RuntimeError(
                f"writing s3://{bucket}/{OBJECT} failed: {error}. Nothing was written."
            ) from error
        return False
    return True


def sync(bucket: str, systems: list[str], entries: dict[str, Any]) -> bool:
    """Brings the file up to date, keeping the last entry of a baseline that can't be had."""
    for _ in range(2):
        present, etag = read_file(client("s3"), bucket)
        known = present if isinstance(present, list) else []
        last = {
            each["OperatingSystem"]: each
            for each in known
            if isinstance(each, dict) and "OperatingSystem" in each
        }
        wanted = {**last, **entries}
        content = [wanted[system] for system in sorted(systems) if system in wanted]
        if content == present:
            return False
        if write_file(bucket, content, etag):
            return True
    raise RuntimeError(
        f"writing s3://{bucket}/{OBJECT} failed: somebody else wrote it twice meanwhile. Nothing was written."
    )


def handler(events: dict[str, Any], context: Any) -> dict[str, Any]:
    bucket = given(events, "BucketName", r"[a-z0-9.-]{3,63}")
    try:
        baselines = json.loads(given(events, "Baselines", r"\{[\s\S]*\}"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the document's input Baselines is no JSON: {error}. Nothing was written."
        ) from error
    if not all(isinstance(each, str) and re.fullmatch(f"{ID}|{NAME}", each) for each in baselines.values()):
        raise ValueError(
            "the document's input Baselines has something else than ids, ARNs or names of baselines: "
            f"{baselines}. Nothing was written."
        )
    if not baselines:
        raise ValueError(f"Baselines names none, so s3://{bucket}/{OBJECT} was left as it is.")
    entries, problems = read_baselines(baselines)
    written = sync(bucket, list(baselines), entries)
    if problems:
        raise RuntimeError(
            f"{'; '.join(problems)}. Such an operating system keeps its last entry in the file, if it had "
            "one; without an entry its nodes fail with exit code 163. "
            f"The file was {'written' if written else 'up to date'}."
        )
    return {"Written": written, "OperatingSystems": sorted(entries)}
