//! Text that comes from elsewhere (names, sentences with names) within Markdown, as GitLab and GitHub read it: it is shown as
//! it is, ends no table cell, opens no markup, mentions nobody and refers to nothing.

/// Keeps a mention or a reference from being one: U+2060 WORD JOINER, which is not shown.
const WORD_JOINER: char = '\u{2060}';

/// `text` on one line without any markup.
///
/// Backslash escapes are those of `CommonMark` 0.31 (every ASCII punctuation mark may be escaped); `|` within tables is GitHub
/// Flavored Markdown 0.29, section 4.10. `@name` (people), `#1`, `!1`, `$1`, `%1`, `~1` (issues, merge requests, snippets,
/// milestones, labels) are references to GitLab; `$…$` is mathematics to both.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' | '#' | '!' => {
                out.push('\\');
                out.push(letter);
            }
            '@' => out.extend(['@', WORD_JOINER]),
            '%' if letters.peek().is_some_and(|next| next.is_alphanumeric() || *next == '"') => {
                out.extend(['%', WORD_JOINER]);
            }
            // A line that starts so would be a list or a heading of the line before.
            '-' | '+' | '=' if out.is_empty() => out.extend(['\\', letter]),
            '.' | ')'
                if !out.is_empty()
                    && out.bytes().all(|byte| byte.is_ascii_digit())
                    && letters.peek().is_none_or(|next| next.is_whitespace()) =>
            {
                out.extend(['\\', letter]);
            }
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// `text` cut to `most` characters, the last of which then says so.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Names for the categories of a Mermaid chart, each a quoted text of its grammar (`xychart.jison`, Mermaid 11): without
/// quotes, back-ticks, brackets, `%%` (a comment), `;` (the end of an entity) and line breaks, not empty, none twice.
pub(super) fn quoted_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut quoted: Vec<String> = Vec::new();
    for name in names {
        let plain: String = name
            .chars()
            .map(|letter| match letter {
                '"' | '`' => '\'',
                ';' => ',',
                '%' | '[' | ']' | '{' | '}' | '\u{2028}' | '\u{2029}' => ' ',
                letter if letter.is_control() => ' ',
                letter => letter,
            })
            .collect();
        let plain = shortened(plain.trim(), 60);
        let plain = if plain.is_empty() { "?".to_owned() } else { plain };
        let mut own = format!("\"{plain}\"");
        let mut count = 1;
        while quoted.contains(&own) {
            count += 1;
            own = format!("\"{plain} ({count})\"");
        }
        quoted.push(own);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_is_left() {
        assert_eq!(escaped("a|b*c_d`e\\"), "a\\|b\\*c\\_d\\`e\\\\");
        assert_eq!(escaped("<b>&"), "&lt;b&gt;&amp;");
        assert_eq!(escaped("- x\ny"), "\\- x y");
        assert_eq!((escaped("10. x"), escaped("1.5 s")), ("10\\. x".to_owned(), "1.5 s".to_owned()));
        assert_eq!(escaped("@all 5 % %5"), "@\u{2060}all 5 % %\u{2060}5");
        assert_eq!(escaped("x86-spot-70, 1.5"), "x86-spot-70, 1.5");
    }

    #[test]
    fn names_of_a_chart_are_distinct_and_never_empty() {
        let names = quoted_names(["a", "a", "\"[;\"", "", "`x`"].into_iter());
        assert_eq!(names, ["\"a\"", "\"a (2)\"", "\"' ,'\"", "\"?\"", "\"'x'\""]);
        assert_eq!(shortened("abcdef", 4), "abc…");
    }
}
