//! The calls that the adapters make. There are no others: an adapter can't name one that is not here.

use std::fmt;

/// What a call is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Looking: `plan`, `status`, `render` and `snapshot` make it too.
    ToLook,
    /// Changing, or seeing how a change comes on.
    ToChange,
    /// Being let into a member account: `conflicts --deep`.
    ToEnter,
    /// Looking in there, with the rights of the role that was entered with.
    InMembers,
}

/// What IAM lets a call be bound to (Service Authorization Reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resources {
    /// Nothing: such a call knows no resources.
    Anything,
    /// The organization's root and OUs.
    Units,
    /// Stack sets that are looked at: orgpatch's, and those that may patch the same nodes.
    StackSetsSeen,
    /// Stack sets of orgpatch's, with their targets and the types of resources in their stacks.
    StackSets,
    /// Stacks of orgpatch's in the owner account.
    Stacks,
    /// Both of them, when they are tagged.
    Tagged,
    /// Patch baselines, of which AWS's own belong to AWS's accounts.
    Baselines,
    /// Patch baselines of the account's own that get orgpatch's tag with the call.
    NewBaselines,
    /// Patch baselines that are given orgpatch's tag.
    TaggedBaselines,
    /// Patch baselines that have orgpatch's tag.
    OwnBaselines,
    /// The rings' buckets.
    Buckets,
    /// What is in them.
    Objects,
    /// The role in member accounts.
    MemberRoles,
    /// Associations and maintenance windows of others, whatever they are called.
    MadeByOthers,
}

/// Defines the calls: name as IAM has it, what for, on what, and the actions besides that it needs.
macro_rules! calls {
    ($($name:ident, $text:literal, $needed:ident, $resources:ident $(, besides $besides:expr)?;)*) => {
        /// A call of AWS's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Call {
            /// Finding credentials and a Region, before there is any call.
            Connect,
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        impl Call {
            /// All of them, but for [`Connect`](Self::Connect).
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Service and operation: `cloudformation:CreateStackSet`.
            pub fn name(self) -> &'static str {
                match self {
                    Self::Connect => "connecting to AWS",
                    $(Self::$name => $text,)*
                }
            }

            /// What it is made for.
            pub fn needed(self) -> Needed {
                match self {
                    Self::Connect => Needed::ToLook,
                    $(Self::$name => Needed::$needed,)*
                }
            }

            /// What it may be bound to.
            pub fn resources(self) -> Resources {
                match self {
                    Self::Connect => Resources::Anything,
                    $(Self::$name => Resources::$resources,)*
                }
            }

            /// The actions that IAM asks for besides the one of its name.
            pub fn besides(self) -> &'static [&'static str] {
                match self {
                    Self::Connect => &[],
                    $(Self::$name => calls!(@besides $($besides)?),)*
                }
            }
        }
    };
    (@besides) => { &[] };
    (@besides $besides:expr) => { &$besides };
}

const TAG: [&str; 2] = ["cloudformation:TagResource", "cloudformation:UntagResource"];

calls! {
    ListRegions, "account:ListRegions", ToLook, Anything;
    GetCallerIdentity, "sts:GetCallerIdentity", ToLook, Anything;

    DescribeOrganization, "organizations:DescribeOrganization", ToLook, Anything;
    ListAccounts, "organizations:ListAccounts", ToLook, Anything;
    ListRoots, "organizations:ListRoots", ToLook, Anything;
    ListAccountsForParent, "organizations:ListAccountsForParent", ToLook, Units;
    ListOrganizationalUnitsForParent, "organizations:ListOrganizationalUnitsForParent", ToLook, Units;

    // A delegated administrator who may not list these is told that it is none (user guide, "Register a
    // delegated administrator").
    DescribeOrganizationsAccess, "cloudformation:DescribeOrganizationsAccess", ToLook, Anything,
        besides ["organizations:ListDelegatedAdministrators"];
    ListStackSets, "cloudformation:ListStackSets", ToLook, Anything;
    DescribeStackSet, "cloudformation:DescribeStackSet", ToLook, StackSetsSeen;
    DescribeStackSetOperation, "cloudformation:DescribeStackSetOperation", ToLook, StackSetsSeen;
    ListStackInstances, "cloudformation:ListStackInstances", ToLook, StackSetsSeen;
    ListStackSetAutoDeploymentTargets, "cloudformation:ListStackSetAutoDeploymentTargets", ToLook, StackSetsSeen;
    ListStackSetOperations, "cloudformation:ListStackSetOperations", ToLook, StackSetsSeen;
    ListStackSetOperationResults, "cloudformation:ListStackSetOperationResults", ToChange, StackSets;
    // What is made anew has no name yet that it could be bound to.
    CreateStackSet, "cloudformation:CreateStackSet", ToChange, Anything;
    UpdateStackSet, "cloudformation:UpdateStackSet", ToChange, StackSets, besides TAG;
    CreateStackInstances, "cloudformation:CreateStackInstances", ToChange, StackSets;
    DeleteStackInstances, "cloudformation:DeleteStackInstances", ToChange, StackSets;
    DeleteStackSet, "cloudformation:DeleteStackSet", ToChange, StackSets;

    ListStacks, "cloudformation:ListStacks", ToLook, Anything;
    DescribeStacks, "cloudformation:DescribeStacks", ToLook, Stacks;
    GetTemplate, "cloudformation:GetTemplate", ToLook, Stacks;
    DescribeStackEvents, "cloudformation:DescribeStackEvents", ToChange, Stacks;
    ValidateTemplate, "cloudformation:ValidateTemplate", ToChange, Anything;
    CreateChangeSet, "cloudformation:CreateChangeSet", ToChange, Stacks, besides TAG;
    DescribeChangeSet, "cloudformation:DescribeChangeSet", ToChange, Stacks;
    ExecuteChangeSet, "cloudformation:ExecuteChangeSet", ToChange, Stacks;
    DeleteChangeSet, "cloudformation:DeleteChangeSet", ToChange, Stacks;
    DeleteStack, "cloudformation:DeleteStack", ToChange, Stacks;

    DescribePatchBaselines, "ssm:DescribePatchBaselines", ToLook, Anything;
    GetPatchBaseline, "ssm:GetPatchBaseline", ToLook, Baselines;
    GetCalendarState, "ssm:GetCalendarState", ToLook, Anything;
    DescribePatchProperties, "ssm:DescribePatchProperties", ToLook, Anything;
    ListTagsForResource, "ssm:ListTagsForResource", ToLook, Baselines;
    // Tags are given with the first of them, and by the second.
    CreatePatchBaseline, "ssm:CreatePatchBaseline", ToChange, NewBaselines;
    AddTagsToResource, "ssm:AddTagsToResource", ToChange, TaggedBaselines;
    UpdatePatchBaseline, "ssm:UpdatePatchBaseline", ToChange, OwnBaselines;
    DeletePatchBaseline, "ssm:DeletePatchBaseline", ToChange, OwnBaselines;
    RemoveTagsFromResource, "ssm:RemoveTagsFromResource", ToChange, OwnBaselines;

    // Without the right to list, S3 says that access is denied where there is no object.
    GetObject, "s3:GetObject", ToLook, Objects, besides ["s3:ListBucket"];
    // The operation is `ListObjectsV2`.
    ListObjects, "s3:ListBucket", ToLook, Buckets;
    PutObject, "s3:PutObject", ToChange, Objects;
    ListObjectVersions, "s3:ListBucketVersions", ToChange, Buckets;
    // The operation is `DeleteObjects`, for which IAM has no name.
    DeleteObjects, "s3:DeleteObject", ToChange, Objects, besides ["s3:DeleteObjectVersion"];

    AssumeRole, "sts:AssumeRole", ToEnter, MemberRoles;
    ListAssociations, "ssm:ListAssociations", InMembers, MadeByOthers;
    DescribeAssociation, "ssm:DescribeAssociation", InMembers, MadeByOthers;
    DescribeMaintenanceWindows, "ssm:DescribeMaintenanceWindows", InMembers, MadeByOthers;
    DescribeMaintenanceWindowTasks, "ssm:DescribeMaintenanceWindowTasks", InMembers, MadeByOthers;
    DescribeMaintenanceWindowTargets, "ssm:DescribeMaintenanceWindowTargets", InMembers, MadeByOthers;
    GetMaintenanceWindowTask, "ssm:GetMaintenanceWindowTask", InMembers, MadeByOthers;
    DescribePatchGroups, "ssm:DescribePatchGroups", InMembers, MadeByOthers;
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
