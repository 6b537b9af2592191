import json

import boto3
import pytest

from conftest import load, refusal

script = load("sync_baselines")
BUCKET = "aws-quicksetup-patchpolicy-111122223333-abcde"
KEYS = [
    "OperatingSystem",
    "GlobalFilters",
    "ApprovalRules",
    "ApprovedPatches",
    "ApprovedPatchesComplianceLevel",
    "ApprovedPatchesEnableNonSecurity",
    "RejectedPatches",
    "RejectedPatchesAction",
    "Sources",
]
RULE = {
    "PatchFilterGroup": {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["Security"]}]},
    "ComplianceLevel": "HIGH",
    "ApproveAfterDays": 7,
    "EnableNonSecurity": False,
}


@pytest.fixture(autouse=True)
def bucket():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


def baseline(system, **more):
    """GetPatchBaseline's answer, with what the file must not have."""
    return {
        "BaselineId": "pb-1",
        "OperatingSystem": system,
        "Name": "orgpatch",
        "Description": "d",
        "CreatedDate": 1,
        "ModifiedDate": 2,
        "PatchGroups": ["x"],
        "AvailableSecurityUpdatesComplianceStatus": "COMPLIANT",
        "ResponseMetadata": {"RequestId": "1"},
        **more,
    }


def run(calls, answers, parsed=False):
    """Runs it for baselines by operating system, each with what AWS answers."""
    for_ids = {f"pb-{system.lower()}": answer for system, answer in answers.items()}

    def answer(arguments):
        found = for_ids[arguments["BaselineId"]]
        if isinstance(found, Exception):
            raise found
        return found

    calls.script("GetPatchBaseline", *[answer] * len(answers))
    named = {system: f"pb-{system.lower()}" for system in answers}
    return script.handler({"BucketName": BUCKET, "Baselines": named if parsed else json.dumps(named)}, None)


def text():
    return boto3.client("s3").get_object(Bucket=BUCKET, Key="baseline_overrides.json")["Body"].read().decode()


def put(content):
    body = content if isinstance(content, str) else json.dumps(content)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="baseline_overrides.json", Body=body.encode())


def versions():
    return len(boto3.client("s3").list_object_versions(Bucket=BUCKET).get("Versions", []))


GONE = refusal("DoesNotExistException")


def test_the_file_is_an_array_sorted_by_operating_system_with_nine_keys(calls):
    run(calls, {"WINDOWS": baseline("WINDOWS"), "AMAZON_LINUX_2": baseline("AMAZON_LINUX_2")})
    content = json.loads(text())
    assert [each["OperatingSystem"] for each in content] == ["AMAZON_LINUX_2", "WINDOWS"]
    assert [list(each) for each in content] == [KEYS, KEYS]


def test_what_a_baseline_lacks_is_empty_and_never_null(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    assert json.loads(text()) == [
        {
            "OperatingSystem": "UBUNTU",
            "GlobalFilters": {"PatchFilters": []},
            "ApprovalRules": {"PatchRules": []},
            "ApprovedPatches": [],
            "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
            "ApprovedPatchesEnableNonSecurity": False,
            "RejectedPatches": [],
            "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
            "Sources": [],
        }
    ]


def test_what_a_baseline_has_is_kept(calls):
    dated = {"PatchFilterGroup": {"PatchFilters": []}, "ApproveUntilDate": "2026-11-01"}
    given = {
        "GlobalFilters": {"PatchFilters": [{"Key": "PRODUCT", "Values": ["*"]}]},
        "ApprovalRules": {"PatchRules": [RULE, dated]},
        "ApprovedPatches": ["CVE-2026-12345"],
        "ApprovedPatchesComplianceLevel": "CRITICAL",
        "ApprovedPatchesEnableNonSecurity": True,
        "RejectedPatches": ["kernel-*"],
        "RejectedPatchesAction": "BLOCK",
        "Sources": [{"Name": "main", "Products": ["*"], "Configuration": "[main]\nname=é"}],
    }
    run(calls, {"REDHAT_ENTERPRISE_LINUX": baseline("REDHAT_ENTERPRISE_LINUX", **given)})
    assert json.loads(text()) == [{"OperatingSystem": "REDHAT_ENTERPRISE_LINUX", **given}]


def test_the_text_is_indented_unescaped_and_ends_with_a_newline(calls, bucket):
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["é"])})
    assert text() == json.dumps(json.loads(text()), indent=2, ensure_ascii=False) + "\n"
    assert '"é"' in text()
    found = bucket.get_object(Bucket=BUCKET, Key="baseline_overrides.json")
    assert found["ContentType"] == "application/json"


def test_nothing_is_written_while_nothing_changed(calls):
    assert run(calls, {"UBUNTU": baseline("UBUNTU")})["Written"] is True
    assert run(calls, {"UBUNTU": baseline("UBUNTU")})["Written"] is False
    assert versions() == 1


def test_the_content_counts_not_its_formatting(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    put(json.loads(text()))
    assert run(calls, {"UBUNTU": baseline("UBUNTU")})["Written"] is False


def test_a_changed_baseline_is_written(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    assert run(calls, {"UBUNTU": baseline("UBUNTU", RejectedPatches=["nginx"])})["Written"] is True
    assert json.loads(text())[0]["RejectedPatches"] == ["nginx"]


def test_an_operating_system_that_is_no_longer_named_goes(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU"), "SUSE": baseline("SUSE")})
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    assert [each["OperatingSystem"] for each in json.loads(text())] == ["UBUNTU"]


def test_a_vanished_baseline_keeps_its_last_entry_and_the_execution_fails(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["a"]), "SUSE": baseline("SUSE")})
    changed = baseline("SUSE", ApprovedPatches=["b"])
    with pytest.raises(RuntimeError, match=r"UBUNTU: baseline pb-ubuntu no longer exists.*file was written"):
        run(calls, {"UBUNTU": GONE, "SUSE": changed})
    content = {each["OperatingSystem"]: each["ApprovedPatches"] for each in json.loads(text())}
    assert content == {"SUSE": ["b"], "UBUNTU": ["a"]}


def test_a_vanished_baseline_fails_every_time_without_writing_again(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"pb-ubuntu no longer exists.*file was up to date"):
            run(calls, {"UBUNTU": GONE})
    assert versions() == 1


def test_a_vanished_baseline_that_was_never_written_is_left_out(calls):
    with pytest.raises(RuntimeError, match="exit code 163"):
        run(calls, {"UBUNTU": GONE, "SUSE": baseline("SUSE")})
    assert [each["OperatingSystem"] for each in json.loads(text())] == ["SUSE"]


def test_a_baseline_of_another_operating_system_does_not_get_in(calls):
    with pytest.raises(RuntimeError, match="UBUNTU: baseline pb-ubuntu is for WINDOWS"):
        run(calls, {"UBUNTU": baseline("WINDOWS"), "SUSE": baseline("SUSE")})
    assert [each["OperatingSystem"] for each in json.loads(text())] == ["SUSE"]


@pytest.mark.parametrize("broken", ["not JSON", '{"OperatingSystem": "UBUNTU"}', '["UBUNTU", {}]'])
def test_a_broken_file_is_replaced(calls, broken):
    put(broken)
    assert run(calls, {"UBUNTU": baseline("UBUNTU")})["Written"] is True
    assert len(json.loads(text())) == 1


def test_the_first_write_is_only_for_where_there_is_none(calls):
    """Somebody else writes between reading and writing: it is read again, and not overwritten unseen."""
    other = [{"OperatingSystem": "UBUNTU", "ApprovedPatches": ["theirs"]}]
    calls.script("PutObject", lambda _: put(other), None)
    with pytest.raises(RuntimeError, match="pb-ubuntu no longer exists"):
        run(calls, {"UBUNTU": GONE, "SUSE": baseline("SUSE")})
    content = {each["OperatingSystem"]: each["ApprovedPatches"] for each in json.loads(text())}
    assert content == {"SUSE": [], "UBUNTU": ["theirs"]}


def test_a_write_between_reading_and_writing_is_not_overwritten_unseen(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["first"])})
    other = [{"OperatingSystem": "UBUNTU", "ApprovedPatches": ["theirs"]}]
    calls.script("PutObject", lambda _: put(other), None)
    with pytest.raises(RuntimeError, match="pb-ubuntu no longer exists"):
        run(calls, {"UBUNTU": GONE, "SUSE": baseline("SUSE")})
    assert json.loads(text())[1]["ApprovedPatches"] == ["theirs"]


@pytest.mark.parametrize("code", ["PreconditionFailed", "ConditionalRequestConflict"])
def test_a_refused_write_is_tried_once_more(calls, code):
    calls.script("PutObject", refusal(code), None)
    assert run(calls, {"UBUNTU": baseline("UBUNTU")})["Written"] is True
    assert len(calls.of("PutObject")) == 2


def test_a_write_that_is_refused_twice_fails(calls):
    calls.script("PutObject", refusal("PreconditionFailed"), refusal("PreconditionFailed"))
    with pytest.raises(RuntimeError, match="somebody else wrote it twice"):
        run(calls, {"UBUNTU": baseline("UBUNTU")})
    assert versions() == 0


def test_another_error_of_a_baseline_writes_nothing(calls):
    with pytest.raises(
        RuntimeError, match=r"reading baseline pb-ubuntu of UBUNTU failed.*Nothing was written"
    ):
        run(calls, {"SUSE": baseline("SUSE"), "UBUNTU": refusal("InternalServerError")})
    assert versions() == 0


@pytest.mark.parametrize(("operation", "doing"), [("GetObject", "reading"), ("PutObject", "writing")])
def test_another_error_of_the_bucket_is_reported(calls, operation, doing):
    calls.script(operation, refusal("AccessDenied"))
    with pytest.raises(
        RuntimeError, match=rf"{doing} s3://{BUCKET}/baseline_overrides.json failed.*AccessDenied"
    ):
        run(calls, {"UBUNTU": baseline("UBUNTU")})


def test_no_baselines_at_all_leave_the_file_as_it_is(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    with pytest.raises(ValueError, match="names none"):
        run(calls, {})
    assert versions() == 1


def test_baselines_may_come_already_parsed(calls):
    assert run(calls, {"UBUNTU": baseline("UBUNTU")}, parsed=True)["OperatingSystems"] == ["UBUNTU"]


def test_throttling_is_survived_by_ten_tries_more():
    assert boto3.client("ssm", config=script.RETRIES).meta.config.retries == {
        "mode": "standard",
        "total_max_attempts": 11,
    }
