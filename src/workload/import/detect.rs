//! Which kind of export a file is, from its first bytes: the keys that only one of the formats has.

use super::ImportKind;

/// How much of a file is looked at.
pub(super) const LOOKED_AT_BYTES: usize = 1 << 16;

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detected {
    /// A job export of this kind.
    Export(ImportKind),
    /// Lists or lines without any record.
    NoRecords,
    /// A trace, or any other table: not JSON and not SWF.
    Table,
    /// JSON, but of no known kind.
    UnknownJson,
    /// Nothing but blanks.
    Empty,
}

/// Looks at `head`, the first bytes of a decompressed file (64 KiB are enough).
#[must_use]
pub fn detect(head: &[u8]) -> Detected {
    let head = &head[..head.len().min(LOOKED_AT_BYTES)];
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match text.first() {
        None => Detected::Empty,
        Some(b'{' | b'[' | 0x1e) => json(text),
        Some(b';') => Detected::Export(ImportKind::Swf),
        Some(_) => {
            let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
            let is_number = |field: &[u8]| field.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'.'));
            let is_swf = fields.clone().count() == 18 && fields.all(is_number);
            if is_swf { Detected::Export(ImportKind::Swf) } else { Detected::Table }
        }
    }
}

fn json(text: &[u8]) -> Detected {
    let keys = first_record_keys(text);
    let has = |key: &str| keys.contains(&key.as_bytes());
    if keys.is_empty() {
        let blank =
            |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b']' | b'{' | b'}' | 0x1e);
        return if text.iter().all(blank) { Detected::NoRecords } else { Detected::UnknownJson };
    }
    let inner = ["\"runnable_at\"", "\"agent_query_rules\""];
    let has_steps = has("jobs")
        && !has("total_count")
        && inner.iter().any(|key| text.windows(key.len()).any(|found| found == key.as_bytes()));
    let is_build =
        has_steps || has("graphql_id") || has("meta_data") || has("job_state_counts") || has("creator");
    Detected::Export(if has("apiVersion") || has("items") || has("metadata") {
        ImportKind::K8sPods
    } else if has("object_kind") && has("build_id") {
        ImportKind::GitlabJobs
    } else if has("jobs") && (is_build || has("number") && has("state")) {
        ImportKind::Buildkite
    } else if has("jobs") || has("run_id") || has("run_attempt") || has("completed_at") {
        ImportKind::GithubJobs
    } else if is_build && has("state") {
        // A build whose jobs lie beyond what is looked at.
        ImportKind::Buildkite
    } else if has("stage") || has("queued_duration") || has("tag_list") || has("build_name") {
        ImportKind::GitlabJobs
    } else {
        return Detected::UnknownJson;
    })
}

/// The keys directly inside the first object.
fn first_record_keys(text: &[u8]) -> Vec<&[u8]> {
    let mut keys = Vec::new();
    let (mut braces, mut depth, mut at) = (0_usize, 0_usize, 0);
    while at < text.len() {
        match text[at] {
            b'{' => (braces, depth) = (braces + 1, depth + 1),
            b'[' if braces > 0 => depth += 1,
            b'}' | b']' if braces > 0 => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            b'"' => {
                let start = at + 1;
                at = start;
                while at < text.len() && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                let follows = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
                if depth == 1 && at < text.len() && follows.starts_with(b":") {
                    keys.push(&text[start..at]);
                }
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_by_its_keys() {
        use ImportKind as Kind;
        for (text, kind) in [
            (r#"[{"id":1,"status":"failed","stage":"test"#, Kind::GitlabJobs),
            (r#"{"object_kind":"build","build_id":4}"#, Kind::GitlabJobs),
            (r#"{"total_count":1,"jobs":[{"id":1"#, Kind::GithubJobs),
            (r#"{"id":1,"run_id":2,"labels":[]}"#, Kind::GithubJobs),
            (r#"[{"id":"a","graphql_id":"x","jobs":["#, Kind::Buildkite),
            (r#"[{"id":"a","jobs":[{"id":"j","runnable_at":null"#, Kind::Buildkite),
            (r#"{"apiVersion":"v1","items":[{"#, Kind::K8sPods),
            ("; Version: 2.2\n1 0", Kind::Swf),
            ("1 0 -1 83 1 -1 -1 1 -1 -1 1 1 1 -1 1 1 -1 -1\n", Kind::Swf),
        ] {
            assert_eq!(detect(text.as_bytes()), Detected::Export(kind), "{text}");
        }
        for (text, found) in [
            ("", Detected::Empty),
            ("\u{feff} \n", Detected::Empty),
            ("[ ]", Detected::NoRecords),
            ("{\"a\":1}", Detected::UnknownJson),
            ("[4]", Detected::UnknownJson),
            ("submitted_s,duration_s\n0,1\n", Detected::Table),
        ] {
            assert_eq!(detect(text.as_bytes()), found, "{text}");
        }
    }
}
