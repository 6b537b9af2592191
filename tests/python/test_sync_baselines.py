import json
import zlib

import boto3
import pytest
from moto.ssm.responses import SimpleSystemManagerResponse

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


def id_of(system):
    """In the form that the id of a baseline has."""
    return f"pb-{zlib.crc32(system.encode()):017x}"


UBUNTU = id_of("UBUNTU")


def run(calls, answers, **named):
    """Runs it for baselines by operating system, each with what AWS answers. Some may be given otherwise."""
    named = {system: id_of(system) for system in answers} | named
    for_ids = {id_of(system): answer for system, answer in answers.items()}

    def answer(arguments):
        found = for_ids[arguments["BaselineId"]]
        if isinstance(found, Exception):
            raise found
        return found

    calls.script("GetPatchBaseline", *[answer] * len(answers))
    return script.handler({"BucketName": BUCKET, "Baselines": json.dumps(named)}, None)


def text():
    return boto3.client("s3").get_object(Bucket=BUCKET, Key="baseline_overrides.json")["Body"].read().decode()


def put(content):
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    body = text.encode() if isinstance(text, str) else text
    boto3.client("s3").put_object(Bucket=BUCKET, Key="baseline_overrides.json", Body=body)


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
    with pytest.raises(RuntimeError, match=rf"UBUNTU: baseline {UBUNTU} no longer exists.*file was written"):
        run(calls, {"UBUNTU": GONE, "SUSE": changed})
    content = {each["OperatingSystem"]: each["ApprovedPatches"] for each in json.loads(text())}
    assert content == {"SUSE": ["b"], "UBUNTU": ["a"]}


def test_a_vanished_baseline_fails_every_time_without_writing_again(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    for _ in range(2):
        with pytest.raises(RuntimeError, match=rf"{UBUNTU} no longer exists.*file was up to date"):
            run(calls, {"UBUNTU": GONE})
    assert versions() == 1


def test_a_vanished_baseline_that_was_never_written_is_left_out(calls):
    with pytest.raises(RuntimeError, match="exit code 163"):
        run(calls, {"UBUNTU": GONE, "SUSE": baseline("SUSE")})
    assert [each["OperatingSystem"] for each in json.loads(text())] == ["SUSE"]


def test_a_baseline_of_another_operating_system_does_not_get_in(calls):
    with pytest.raises(RuntimeError, match=rf"UBUNTU: baseline {UBUNTU} is for WINDOWS"):
        run(calls, {"UBUNTU": baseline("WINDOWS"), "SUSE": baseline("SUSE")})
    assert [each["OperatingSystem"] for each in json.loads(text())] == ["SUSE"]


@pytest.mark.parametrize(
    "broken", ["not JSON", "", "null", '{"OperatingSystem": "UBUNTU"}', '["UBUNTU", {}]', b"\xff\xfe\x00"]
)
def test_a_broken_file_is_replaced(calls, broken):
    put(broken)
    assert run(calls, {"UBUNTU": baseline("UBUNTU")})["Written"] is True
    assert len(json.loads(text())) == 1


def test_the_first_write_is_only_for_where_there_is_none(calls):
    """Somebody else writes between reading and writing: it is read again, and not overwritten unseen."""
    other = [{"OperatingSystem": "UBUNTU", "ApprovedPatches": ["theirs"]}]
    calls.script("PutObject", lambda _: put(other), None)
    with pytest.raises(RuntimeError, match=rf"{UBUNTU} no longer exists"):
        run(calls, {"UBUNTU": GONE, "SUSE": baseline("SUSE")})
    content = {each["OperatingSystem"]: each["ApprovedPatches"] for each in json.loads(text())}
    assert content == {"SUSE": [], "UBUNTU": ["theirs"]}


def test_a_write_between_reading_and_writing_is_not_overwritten_unseen(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["first"])})
    other = [{"OperatingSystem": "UBUNTU", "ApprovedPatches": ["theirs"]}]
    calls.script("PutObject", lambda _: put(other), None)
    with pytest.raises(RuntimeError, match=rf"{UBUNTU} no longer exists"):
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
        RuntimeError, match=rf"reading baseline {UBUNTU} of UBUNTU failed.*Nothing was written"
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


@pytest.fixture
def writes(monkeypatch):
    """The requests that write the file, as they go out."""
    session, requests = boto3.Session(), []
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    session.events.register("before-send.s3.PutObject", lambda request, **_: requests.append(request))
    return requests


def test_the_first_write_says_that_there_must_be_no_file(calls, writes):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    (request,) = writes
    assert (request.headers["If-None-Match"], request.headers.get("If-Match")) == (b"*", None)


def test_a_later_write_says_which_file_it_replaces(calls, writes, bucket):
    put([])
    etag = bucket.head_object(Bucket=BUCKET, Key="baseline_overrides.json")["ETag"]
    writes.clear()
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    (request,) = writes
    assert (request.headers["If-Match"], request.headers.get("If-None-Match")) == (etag.encode(), None)


def test_the_second_try_says_which_file_it_has_read_meanwhile(calls, writes):
    put([])
    writes.clear()
    calls.script("PutObject", lambda _: put("[1]"), None)
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    theirs, first, second = (request.headers.get("If-Match") for request in writes)
    assert theirs is None
    assert first != second


def test_access_denied_in_the_middle_writes_nothing(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    changed = {"SUSE": baseline("SUSE"), "UBUNTU": refusal("AccessDeniedException"), "WINDOWS": GONE}
    with pytest.raises(
        RuntimeError,
        match=rf"reading baseline {UBUNTU} of UBUNTU failed.*AccessDenied.*Nothing was written",
    ):
        run(calls, changed)
    assert versions() == 1


def test_a_baseline_of_aws_is_asked_for_by_its_arn(calls):
    arn = "arn:aws:ssm:eu-west-1:486716784251:patchbaseline/pb-0123456789abcdef0"
    calls.script("GetPatchBaseline", baseline("UBUNTU"))
    script.handler({"BucketName": BUCKET, "Baselines": json.dumps({"UBUNTU": arn})}, None)
    assert calls.of("GetPatchBaseline") == [{"BaselineId": arn}]


NAME = "orgpatch-weekly-main-ubuntu"


def found(*baselines, **more):
    """A page of the account's baselines, by id and name."""
    return {
        "BaselineIdentities": [
            {"BaselineId": each, "BaselineName": name, "OperatingSystem": "UBUNTU", "DefaultBaseline": False}
            for each, name in baselines
        ],
        **more,
    }


def test_a_name_is_looked_up_among_the_accounts_own_baselines(calls):
    calls.script("DescribePatchBaselines", found((UBUNTU, NAME)))
    assert run(calls, {"UBUNTU": baseline("UBUNTU")}, UBUNTU=NAME)["Written"] is True
    (asked,) = calls.of("DescribePatchBaselines")
    assert asked["Filters"] == [
        {"Key": "OWNER", "Values": ["Self"]},
        {"Key": "NAME_PREFIX", "Values": [NAME]},
    ]
    assert calls.of("GetPatchBaseline") == [{"BaselineId": UBUNTU}]


def test_a_name_means_the_baseline_of_exactly_that_name_on_whatever_page(calls):
    other = id_of("OTHER")
    calls.script(
        "DescribePatchBaselines",
        found((other, f"{NAME}-2"), (other, NAME.upper()), NextToken="more"),
        found(NextToken="still more"),
        found((UBUNTU, NAME)),
    )
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["a"])}, UBUNTU=NAME)
    assert json.loads(text())[0]["ApprovedPatches"] == ["a"]
    tokens = [asked.get("NextToken") for asked in calls.of("DescribePatchBaselines")]
    assert tokens == [None, "more", "still more"]


def test_ids_and_arns_are_not_looked_up(calls):
    arn = f"arn:aws-cn:ssm:cn-north-1:486716784251:patchbaseline/{UBUNTU}"
    answers = {"UBUNTU": baseline("UBUNTU"), "SUSE": baseline("SUSE")}
    calls.script("GetPatchBaseline", answers["SUSE"], answers["UBUNTU"])
    given = {"SUSE": id_of("SUSE"), "UBUNTU": arn}
    script.handler({"BucketName": BUCKET, "Baselines": json.dumps(given)}, None)
    assert calls.of("DescribePatchBaselines") == []
    assert [asked["BaselineId"] for asked in calls.of("GetPatchBaseline")] == [id_of("SUSE"), arn]


def test_a_name_that_no_baseline_has_keeps_its_last_entry_and_the_execution_fails(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["a"]), "SUSE": baseline("SUSE")})
    calls.script("DescribePatchBaselines", found((UBUNTU, f"{NAME}-2")))
    changed = {"SUSE": baseline("SUSE", ApprovedPatches=["b"])}
    with pytest.raises(RuntimeError, match=rf"UBUNTU: baseline {NAME} no longer exists.*file was written"):
        run(calls, changed, UBUNTU=NAME)
    content = {each["OperatingSystem"]: each["ApprovedPatches"] for each in json.loads(text())}
    assert content == {"SUSE": ["b"], "UBUNTU": ["a"]}


def test_a_named_baseline_that_goes_while_it_is_looked_at_keeps_its_last_entry(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU")})
    calls.script("DescribePatchBaselines", found((UBUNTU, NAME)))
    with pytest.raises(RuntimeError, match=rf"UBUNTU: baseline {NAME} no longer exists.*file was up to date"):
        run(calls, {"UBUNTU": GONE}, UBUNTU=NAME)
    assert versions() == 1


def test_of_several_baselines_with_the_name_none_is_taken_and_all_are_named(calls):
    run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["a"])})
    second = id_of("SECOND")
    calls.script(
        "DescribePatchBaselines",
        found((UBUNTU, NAME), NextToken="more"),
        found((second, NAME), (UBUNTU, NAME)),
    )
    both = ", ".join(sorted([UBUNTU, second]))
    with pytest.raises(RuntimeError, match=rf"UBUNTU: 2 baselines have the name {NAME}: {both}\."):
        run(calls, {"UBUNTU": baseline("UBUNTU", ApprovedPatches=["b"])}, UBUNTU=NAME)
    assert json.loads(text())[0]["ApprovedPatches"] == ["a"]


def test_a_named_baseline_of_another_operating_system_does_not_get_in(calls):
    calls.script("DescribePatchBaselines", found((UBUNTU, NAME)))
    with pytest.raises(RuntimeError, match=rf"UBUNTU: baseline {NAME} is for WINDOWS"):
        run(calls, {"UBUNTU": baseline("WINDOWS"), "SUSE": baseline("SUSE")}, UBUNTU=NAME)
    assert [each["OperatingSystem"] for each in json.loads(text())] == ["SUSE"]


def test_where_names_may_not_be_looked_up_nothing_is_written(calls):
    """AWS's own boundary does not allow it."""
    calls.script("DescribePatchBaselines", refusal("AccessDeniedException"))
    with pytest.raises(
        RuntimeError, match=rf"reading baseline {NAME} of UBUNTU failed.*AccessDenied.*Nothing was written"
    ):
        run(calls, {"SUSE": baseline("SUSE"), "UBUNTU": baseline("UBUNTU")}, UBUNTU=NAME)
    assert versions() == 0


@pytest.fixture
def throttled(monkeypatch):
    """Refuses to read a baseline some times, and counts how often that is tried."""
    left, tries = [], []

    def answer(_):
        tries.append(1)
        if len(tries) <= left[0]:
            return '{"__type": "ThrottlingException", "message": "Rate exceeded"}', {"status": 400}
        return '{"OperatingSystem": "UBUNTU"}', {"status": 200}

    monkeypatch.setattr(SimpleSystemManagerResponse, "get_patch_baseline", answer, raising=False)

    def run_throttled(times):
        left.append(times)
        events = {"BucketName": BUCKET, "Baselines": '{"UBUNTU": "pb-0123456789abcdef0"}'}
        return script.handler(events, None)["Written"]

    return run_throttled, tries


def test_throttling_is_survived(throttled, pauses):
    run_throttled, tries = throttled
    assert run_throttled(10) is True
    assert (len(tries), len(pauses)) == (11, 10)


def test_throttling_without_end_fails_after_ten_tries_more(throttled):
    run_throttled, tries = throttled
    with pytest.raises(RuntimeError, match=r"reading baseline pb-\w+ of UBUNTU failed.*Rate exceeded"):
        run_throttled(99)
    assert (len(tries), versions()) == (11, 0)


def test_what_was_written_is_said(calls):
    answer = run(calls, {"WINDOWS": baseline("WINDOWS"), "DEBIAN": baseline("DEBIAN")})
    assert answer == {"Written": True, "OperatingSystems": ["DEBIAN", "WINDOWS"]}
