//! Which values AWS knows, where a policy names some.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use crate::{
    cloud::CloudRead,
    discover::AT_A_TIME,
    ids::OperatingSystem,
    state::{PatchProperty, Seen},
};

/// The values of properties, as far as they could be read.
pub type KnownValues = BTreeMap<(OperatingSystem, PatchProperty), Seen<BTreeSet<String>>>;

/// Asks for the values of these properties.
pub async fn known_values(
    cloud: &impl CloudRead,
    asked: BTreeSet<(OperatingSystem, PatchProperty)>,
) -> KnownValues {
    stream::iter(asked)
        .map(|(system, property)| async move {
            let values = match cloud.patch_properties(system, property).await {
                Ok(values) => Seen::Present(values),
                Err(error) => Seen::Unknown(error.reason()),
            };
            ((system, property), values)
        })
        .buffered(AT_A_TIME)
        .collect()
        .await
}
