//! Regular expressions as Go reads them (Go 1.26, `regexp/syntax` with the flags of `regexp.Compile`), rewritten for the
//! `regex` crate: what one of them takes for a mistake the other may not.

use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::RegexBuilder;

/// Most repetitions that Go takes (`parse.go`, `repeat`).
const MOST_REPETITIONS: u32 = 1000;
/// Sets that a letter after a backslash names, in the form that a class has inside.
const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = "\\t\\n\\f\\r ";

/// Whether `pattern` matches somewhere in `text`; `None` where it is no regular expression.
pub(super) fn is_match(pattern: &str, text: &str) -> Option<bool> {
    let rewritten = Rewriter { rest: pattern.chars().peekable(), out: String::new() }.run()?;
    // Without the tables of Unicode only texts beyond ASCII need whole characters.
    let is_wide = !(pattern.is_ascii() && text.is_ascii());
    let regex = RegexBuilder::new(&rewritten).unicode(is_wide).build().ok()?;
    Some(regex.is_match(text.as_bytes()))
}

struct Rewriter<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

impl Rewriter<'_> {
    fn run(mut self) -> Option<String> {
        // Whether the last thing was a repetition, which may not be repeated.
        let mut was_repetition = false;
        while let Some(next) = self.rest.next() {
            let repetition = match next {
                '*' | '+' | '?' => Some(next.to_string()),
                '{' => self.counted()?,
                _ => None,
            };
            if let Some(repetition) = repetition {
                if std::mem::replace(&mut was_repetition, true) {
                    return None;
                }
                self.out.push_str(&repetition);
                if self.rest.next_if_eq(&'?').is_some() {
                    self.out.push('?');
                }
                continue;
            }
            was_repetition = false;
            match next {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                '^' | '$' | '.' | '|' | ')' => self.out.push(next),
                _ => self.literal(next),
            }
        }
        Some(self.out)
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&code(character));
    }

    /// `{n}`, `{n,}` or `{n,m}` after its brace; anything else is text.
    fn counted(&mut self) -> Option<Option<String>> {
        let mut ahead = self.rest.clone();
        let inner: String = ahead.by_ref().take_while(|next| *next != '}').collect();
        let is_closed = self.rest.clone().any(|next| next == '}');
        let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
        let is_number = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && (text.len() == 1 || !text.starts_with('0'))
        };
        if !is_closed || !is_number(least) || !(most.is_empty() || is_number(most)) {
            return Some(None);
        }
        self.rest = ahead;
        let bound = |text: &str| text.parse::<u32>().ok().filter(|number| *number <= MOST_REPETITIONS);
        let least = bound(least)?;
        (most.is_empty() || bound(most)? >= least).then_some(Some(format!("{{{inner}}}")))
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<()> {
        let next = *self.rest.peek()?;
        let simple = match next {
            'A' => "\\A".to_owned(),
            'z' => "\\z".to_owned(),
            'b' => "(?-u:\\b)".to_owned(),
            'B' => "(?-u:\\B)".to_owned(),
            'C' => "(?s-u:.)".to_owned(),
            'Q' => {
                self.rest.next();
                return self.quoted();
            }
            _ => match self.set() {
                Some(set) => {
                    self.out.push_str(&format!("[{set}]"));
                    return Some(());
                }
                None => return self.escaped().map(|character| self.literal(character)),
            },
        };
        self.rest.next();
        self.out.push_str(&simple);
        Some(())
    }

    /// Text up to `\E` or the end.
    fn quoted(&mut self) -> Option<()> {
        while let Some(next) = self.rest.next() {
            if next == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            self.literal(next);
        }
        Some(())
    }

    /// A named set of characters after a backslash, in the form that a class has inside.
    fn set(&mut self) -> Option<String> {
        let next = *self.rest.peek()?;
        let set = match next.to_ascii_lowercase() {
            'd' => DIGIT,
            'w' => WORD,
            's' => SPACE,
            'p' => {
                self.rest.next();
                let mut name = self.rest.next().map(String::from)?;
                if name == "{" {
                    name.extend(self.rest.by_ref().take_while(|next| *next != '}'));
                    name.push('}');
                }
                return Some(format!("\\{next}{name}"));
            }
            _ => return None,
        };
        self.rest.next();
        Some(if next.is_ascii_uppercase() { format!("[^{set}]") } else { set.to_owned() })
    }

    /// One character after a backslash (`parse.go escape`).
    fn escaped(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        match next {
            // A single digit but 0 would refer to a group.
            '1'..='7' if !self.rest.peek().is_some_and(|next| ('0'..='7').contains(next)) => None,
            '0'..='7' => {
                let mut value = next.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(|next| ('0'..='7').contains(next)) else { break };
                    value = value * 8 + digit.to_digit(8)?;
                }
                char::from_u32(value)
            }
            'x' => self.hexadecimal(),
            'a' => Some('\u{7}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            _ => (next.is_ascii() && !next.is_ascii_alphanumeric()).then_some(next),
        }
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let digits: String = if self.rest.next_if_eq(&'{').is_some() {
            let inner: String = self.rest.by_ref().take_while(|next| *next != '}').collect();
            inner
        } else {
            [self.rest.next()?, self.rest.next()?].iter().collect()
        };
        let is_hexadecimal = digits.chars().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(&digits, 16).ok().filter(|_| is_hexadecimal).and_then(char::from_u32)
    }

    /// A class after its opening bracket.
    fn class(&mut self) -> Option<()> {
        let negation = if self.rest.next_if_eq(&'^').is_some() { "^" } else { "" };
        let mut inside = String::new();
        let mut is_first = true;
        while is_first || *self.rest.peek()? != ']' {
            is_first = false;
            if let Some(named) = self.posix_class()? {
                inside.push_str(&named);
                continue;
            }
            if self.rest.next_if_eq(&'\\').is_some() {
                if let Some(set) = self.set() {
                    inside.push_str(&set);
                    continue;
                }
                let low = self.escaped()?;
                self.range(low, &mut inside)?;
            } else {
                let low = self.rest.next()?;
                self.range(low, &mut inside)?;
            }
        }
        self.rest.next();
        self.out.push_str(&format!("[{negation}{inside}]"));
        Some(())
    }

    /// A character of a class, or the range that begins with it.
    fn range(&mut self, low: char, inside: &mut String) -> Option<()> {
        let mut ahead = self.rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.peek().is_some_and(|next| *next != ']');
        if !is_range {
            inside.push_str(&code(low));
            return Some(());
        }
        self.rest = ahead;
        let high = if self.rest.next_if_eq(&'\\').is_some() { self.escaped()? } else { self.rest.next()? };
        inside.push_str(&format!("{}-{}", code(low), code(high)));
        (low <= high).then_some(())
    }

    /// `[:name:]` inside a class; an unknown name is left to the crate, which takes it for a mistake.
    fn posix_class(&mut self) -> Option<Option<String>> {
        let ahead: String = self.rest.clone().collect();
        let Some(length) = ahead.strip_prefix("[:").and_then(|after| after.find(":]")) else {
            return Some(None);
        };
        let named = &ahead[..length + 4];
        let name = named[2..length + 2].trim_start_matches('^');
        let is_known = ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print"]
            .iter()
            .chain(&["punct", "space", "upper", "word", "xdigit"])
            .any(|known| *known == name);
        self.rest.by_ref().take(named.chars().count()).for_each(drop);
        is_known.then_some(Some(named.to_owned()))
    }

    /// A group after its opening parenthesis: its name goes, its flags stay.
    fn group(&mut self) -> Option<()> {
        if self.rest.next_if_eq(&'?').is_none() {
            self.out.push('(');
            return Some(());
        }
        let ahead: String = self.rest.clone().collect();
        if let Some(named) = ahead.strip_prefix("P<").or_else(|| ahead.strip_prefix('<')) {
            let name = named.split_once('>')?.0;
            let is_name =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name {
                return None;
            }
            self.rest.by_ref().take_while(|next| *next != '>').for_each(drop);
            self.out.push_str("(?:");
            return Some(());
        }
        self.out.push_str("(?");
        let mut is_negated = false;
        let mut has_flag = false;
        loop {
            let next = self.rest.next()?;
            self.out.push(next);
            match next {
                'i' | 'm' | 's' | 'U' => has_flag = true,
                '-' if !is_negated => (is_negated, has_flag) = (true, false),
                ':' | ')' => return (!is_negated || has_flag).then_some(()),
                _ => return None,
            }
        }
    }
}

/// A character that stands for itself wherever it is put.
fn code(character: char) -> String {
    if character.is_ascii_alphanumeric() || !character.is_ascii() {
        character.to_string()
    } else {
        format!("\\x{{{:x}}}", u32::from(character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_for_a_mistake_is_one() {
        for pattern in [
            "(",
            "[a",
            "*",
            "a**",
            "a{2}{3}",
            "a{1001}",
            "a{2,1}",
            "\\8",
            "\\1",
            "(?x)a",
            "(?=a)",
            "\\Z",
            "[z-a]",
            "a|*",
            "\\",
            "[[:none:]]",
            "(?i-)a",
        ] {
            assert_eq!(is_match(pattern, "a"), None, "{pattern}");
        }
    }

    #[test]
    fn what_go_takes_for_text_is_text() {
        for (pattern, text) in [
            ("a{", "a{"),
            ("a{,2}", "a{,2}"),
            ("\\<", "<"),
            ("[a&&b]", "&"),
            ("\\Qa.b\\E$", "a.b"),
            ("[]a]", "]"),
            ("^kubernetes\\.io/arch=(arm64|amd64)$", "kubernetes.io/arch=arm64"),
            ("(?i)POOL=", "pool=x"),
            ("^[\\w-]+=\\d{1,3}$", "size-x=12"),
            ("^.=é$", "ü=é"),
            ("(?<n>a)+?(?P<n>b)?", "a"),
            ("\\x{61}\\142", "ab"),
            ("x*", ""),
        ] {
            assert_eq!(is_match(pattern, text), Some(true), "{pattern}");
        }
        assert_eq!(is_match("^\\W$", "é"), Some(true));
        assert_eq!(is_match("a.c", "abd"), Some(false));
    }
}
