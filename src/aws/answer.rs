//! Reading answers: names, page tokens and pages.

use std::{collections::BTreeMap, str::FromStr};

use crate::{
    cloud::{Call, CloudError, CloudErrorKind, Page},
    ids::InvalidName,
};

/// An answer that AWS's own reference does not allow.
pub(super) fn unreadable(call: Call, message: String) -> CloudError {
    CloudError {
        call,
        region: None,
        kind: CloudErrorKind::Other,
        code: None,
        message,
        request_id: None,
    }
}

/// A text that must be there.
pub(super) fn required(call: Call, what: &str, text: Option<&str>) -> Result<String, CloudError> {
    text.map(str::to_owned).ok_or_else(|| unreadable(call, format!("the answer has no {what}")))
}

/// A name that must be there, and right.
pub(super) fn name<T: FromStr<Err = InvalidName>>(
    call: Call,
    what: &str,
    text: Option<&str>,
) -> Result<T, CloudError> {
    let text = required(call, what, text)?;
    text.parse().map_err(|error| unreadable(call, format!("in the answer's {what}: {error}")))
}

/// The token of the next page. Some calls end with an empty one.
pub(super) fn next(token: Option<&str>) -> Option<String> {
    token.filter(|token| !token.is_empty()).map(str::to_owned)
}

/// All pages of a listing. A page may be empty and yet not be the last.
pub(super) async fn all_pages<T>(
    call: Call,
    mut page: impl AsyncFnMut(Option<String>) -> Result<Page<T>, CloudError>,
) -> Result<Vec<T>, CloudError> {
    let mut all = Vec::new();
    let mut token = None;
    loop {
        let Page { items, next } = page(token.clone()).await?;
        all.extend(items);
        if next.is_none() {
            return Ok(all);
        }
        // The SDK's own paginators would end here without a word, and cut the listing short.
        if next == token {
            return Err(unreadable(
                call,
                "the listing does not end: a page names itself as the next".to_owned(),
            ));
        }
        token = next;
    }
}

/// Pairs as a map; what lacks a key is left out.
pub(super) fn pairs<'a>(
    pairs: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key?.to_owned(), value.unwrap_or_default().to_owned())))
        .collect()
}
