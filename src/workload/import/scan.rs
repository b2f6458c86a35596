//! Finds where a JSON object ends, byte by byte, and where a page's list of records begins. Checks brackets and strings
//! only; everything else is checked by whoever reads the object.

/// Brackets within each other at most; as many as `serde_json` reads.
const MAX_DEPTH: usize = 128;

/// What the scan came upon; offsets count from the begin of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More bytes are needed.
    More,
    /// The object ends before this offset.
    Ended(usize),
    /// The list of records begins at this offset, behind its bracket.
    Records(usize),
    /// The byte at this offset cannot be there.
    Wrong(usize, &'static str),
}

/// A scan of one object.
#[derive(Debug)]
pub(super) struct ValueScan {
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
    /// Key of the list of records.
    wanted: Option<&'static str>,
    /// The last string directly inside the object, and whether a colon follows it.
    string: (usize, usize),
    colon: bool,
}

impl ValueScan {
    /// A scan that begins at `{`.
    pub(super) fn new(wanted: Option<&'static str>) -> Self {
        Self { open: Vec::new(), in_string: false, escaped: false, wanted, string: (0, 0), colon: false }
    }

    /// A scan that begins somewhere between the members of an object.
    pub(super) fn inside_object() -> Self {
        Self { open: vec![b'{'], ..Self::new(None) }
    }

    /// Goes on at `from` of `bytes`, which begin where the object begins.
    pub(super) fn advance(&mut self, bytes: &[u8], from: usize) -> Step {
        let mut at = from;
        while at < bytes.len() {
            if self.in_string {
                match self.string_end(bytes, at) {
                    Some(next) => at = next,
                    None => return Step::More,
                }
                continue;
            }
            match bytes[at] {
                b'"' => {
                    self.in_string = true;
                    if self.open.len() == 1 {
                        (self.string, self.colon) = ((at + 1, at + 1), false);
                    }
                }
                bracket @ (b'{' | b'[') => {
                    if bracket == b'[' && self.is_list_of_records(bytes) {
                        return Step::Records(at + 1);
                    }
                    if self.open.len() >= MAX_DEPTH {
                        return Step::Wrong(at, "too many brackets within each other");
                    }
                    self.open.push(bracket);
                }
                bracket @ (b'}' | b']') => {
                    let fits = match self.open.pop() {
                        Some(b'{') => bracket == b'}',
                        _ => bracket == b']',
                    };
                    if !fits {
                        return Step::Wrong(at, "a bracket that closes nothing of its kind");
                    }
                    if self.open.is_empty() {
                        return Step::Ended(at + 1);
                    }
                    self.colon = false;
                }
                b':' => self.colon = true,
                b',' => self.colon = false,
                _ => {}
            }
            at += 1;
        }
        Step::More
    }

    /// The offset behind the string that goes on at `at`.
    fn string_end(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        if self.escaped {
            self.escaped = false;
            at += 1;
        }
        loop {
            at += bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if bytes[at] == b'"' {
                self.in_string = false;
                if self.open.len() == 1 {
                    self.string.1 = at;
                }
                return Some(at + 1);
            }
            if at + 1 >= bytes.len() {
                self.escaped = true;
                return None;
            }
            at += 2;
        }
    }

    fn is_list_of_records(&self, bytes: &[u8]) -> bool {
        let Some(wanted) = self.wanted else { return false };
        self.open.len() == 1 && self.colon && &bytes[self.string.0..self.string.1] == wanted.as_bytes()
    }
}

/// The offset of the value of `key` in the object `bytes`: the shallowest occurrence, so that keys of nested objects do
/// not hide it. For messages.
pub(super) fn offset_of(bytes: &[u8], key: &str) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    let mut best: Option<(usize, usize)> = None;
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = at;
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                let is_key = bytes[start..].starts_with(quoted.as_bytes())
                    && bytes[(at + 1).min(bytes.len())..].trim_ascii_start().starts_with(b":");
                if is_key && best.is_none_or(|(shallowest, _)| depth < shallowest) {
                    best = Some((depth, start));
                }
            }
            _ => {}
        }
        at += 1;
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_ends_where_it_ends_however_it_is_cut() {
        let text = br#"{"a":"}\"]","b":[{"c":"\\"}],"d":{}} {"#;
        for cut in 1..text.len() {
            let mut scan = ValueScan::new(None);
            let first = scan.advance(&text[..cut], 0);
            let step = if first == Step::More { scan.advance(text, cut) } else { first };
            assert_eq!(step, Step::Ended(36), "cut at {cut}");
        }
        assert!(matches!(ValueScan::new(None).advance(br#"{"a":[}"#, 0), Step::Wrong(6, _)));
    }

    #[test]
    fn the_list_of_records_is_found_by_its_key_alone() {
        let text = br#"{"x":"jobs","y":{"jobs":[1]},"jobs" : [{"#;
        assert_eq!(ValueScan::new(Some("jobs")).advance(text, 0), Step::Records(39));
        assert_eq!(ValueScan::new(Some("items")).advance(text, 0), Step::More);
    }

    #[test]
    fn the_shallowest_key_is_located() {
        let text = br#"{"user":{"id":4},"id":7}"#;
        assert_eq!(offset_of(text, "id"), Some(17));
        assert_eq!(offset_of(text, "none"), None);
    }
}
