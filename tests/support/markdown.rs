//! Reads Markdown by the rules that decide how GitLab and GitHub show a note: CommonMark 0.31 with GitHub Flavored tables
//! (GFM 0.29, section 4.10), GitLab's references (`doc/user/markdown.md`) and Mermaid's grammar of `xychart-beta`
//! (`packages/mermaid/src/diagrams/xychart/parser/xychart.jison`). What it does not know it refuses, so that a name cannot
//! become markup unseen.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

/// A note taken apart. All texts are as a reader sees them.
#[derive(Debug, Default)]
pub struct Document {
    /// What stands in the hidden comment of the first line.
    pub mark: Option<String>,
    pub paragraphs: Vec<String>,
    pub items: Vec<String>,
    /// Header and rows.
    pub tables: Vec<Vec<Vec<String>>>,
    pub charts: Vec<XyChart>,
    /// Text and address.
    pub links: Vec<(String, String)>,
    /// Summaries of what is folded.
    pub folded: Vec<String>,
}

/// A chart of Mermaid.
#[derive(Debug, Default, PartialEq)]
pub struct XyChart {
    pub title: String,
    pub categories: Vec<String>,
    pub bars: Vec<f64>,
}

/// The document.
///
/// # Errors
/// What is wrong with it, with the line.
pub fn read(text: &str) -> Result<Document, String> {
    let mut document = Document::default();
    let mut lines = text.lines().enumerate().peekable();
    let mut open_details = 0;
    while let Some((number, line)) = lines.next() {
        let at = |error: String| format!("line {}: {error}: {line}", number + 1);
        if line.trim().is_empty() {
            continue;
        } else if let Some(rest) = line.strip_prefix("<!--") {
            let mark = rest.strip_suffix("-->").ok_or_else(|| at("a comment over lines".into()))?.trim();
            if mark.contains("--") || mark.starts_with('>') || number != 0 {
                return Err(at("no comment of HTML, or not in the first line".into()));
            }
            document.mark = Some(mark.to_owned());
        } else if let Some(kind) = line.strip_prefix("```") {
            let mut block = String::new();
            loop {
                let (_, line) = lines.next().ok_or_else(|| at("a fence that is not closed".into()))?;
                if line.trim_start().starts_with("```") {
                    break;
                }
                block.push_str(line);
                block.push('\n');
            }
            if kind != "mermaid" {
                return Err(at(format!("a block of {kind}")));
            }
            document.charts.push(chart(&block).map_err(at)?);
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line).map_err(at)?];
            let (_, delimiter) = lines.next().ok_or_else(|| at("a table of one line".into()))?;
            let width = delimiter_cells(delimiter).map_err(at)?;
            while let Some((_, row)) = lines.peek().filter(|(_, line)| line.starts_with('|')) {
                rows.push(cells(row).map_err(at)?);
                lines.next();
            }
            if let Some(row) = rows.iter().find(|row| row.len() != width) {
                return Err(at(format!("{} cells where {width} are due: {row:?}", row.len())));
            }
            let shown =
                rows.iter().map(|row| row.iter().map(|cell| inline(cell, &mut document.links)).collect());
            document.tables.push(shown.collect::<Result<_, _>>().map_err(at)?);
        } else if let Some(rest) = line.strip_prefix("<details><summary>") {
            let summary = rest.strip_suffix("</summary>").ok_or_else(|| at("no end of a summary".into()))?;
            document.folded.push(inline(summary, &mut document.links).map_err(at)?);
            if lines.peek().is_none_or(|(_, next)| !next.trim().is_empty()) {
                return Err(at("Markdown within HTML needs a blank line before it".into()));
            }
            open_details += 1;
        } else if line == "</details>" {
            open_details -= 1;
        } else if let Some(item) = line.strip_prefix("- ") {
            if starts_block(item) {
                return Err(at("a list within a list".into()));
            }
            document.items.push(inline(item, &mut document.links).map_err(at)?);
        } else if starts_block(line) {
            return Err(at("this starts a heading, a list, a quotation or code".into()));
        } else {
            document.paragraphs.push(inline(line, &mut document.links).map_err(at)?);
        }
    }
    if open_details != 0 {
        return Err(format!("{open_details} folded parts are left open"));
    }
    Ok(document)
}

/// Whether a line is something else than a paragraph (CommonMark, sections 4 and 5).
fn starts_block(line: &str) -> bool {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = digits.len() < line.len() && (digits.starts_with(". ") || digits.starts_with(") "));
    let marks = ["#", "> ", ">", "- ", "+ ", "* ", "```", "~~~", "    ", "\t", "===", "---", "<"];
    is_numbered || marks.iter().any(|mark| line.starts_with(mark))
}

/// Cells of a row as they are written; `\|` is no border.
fn cells(line: &str) -> Result<Vec<String>, String> {
    let inner = line.trim().strip_prefix('|').and_then(|rest| rest.strip_suffix('|'));
    let inner = inner.ok_or("a row without borders")?;
    let (mut row, mut cell, mut letters) = (Vec::new(), String::new(), inner.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                cell.push(letter);
                cell.push(letters.next().ok_or("a row that ends in a backslash")?);
            }
            '|' => row.push(std::mem::take(&mut cell).trim().to_owned()),
            letter => cell.push(letter),
        }
    }
    row.push(cell.trim().to_owned());
    Ok(row)
}

fn delimiter_cells(line: &str) -> Result<usize, String> {
    let cells = cells(line)?;
    let is_delimiter = |cell: &String| {
        let dashes = cell.trim_start_matches(':').trim_end_matches(':');
        !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-')
    };
    if cells.iter().all(is_delimiter) { Ok(cells.len()) } else { Err("no line below the header".into()) }
}

/// What a reader sees of a text, of which `**` and links are the only markup that may be there.
fn inline(text: &str, links: &mut Vec<(String, String)>) -> Result<String, String> {
    let letters: Vec<char> = text.chars().collect();
    let (mut out, mut at, mut strong) = (String::new(), 0, 0);
    while at < letters.len() {
        let rest: String = letters[at..].iter().take(400).collect();
        let next = letters.get(at + 1).copied();
        match letters[at] {
            '\\' if next.is_some_and(|next| next.is_ascii_punctuation()) => {
                out.push(next.unwrap());
                at += 1;
            }
            '&' => {
                let entity = rest.find(';').map(|end| &rest[..=end]).unwrap_or_default();
                out.push(match entity {
                    "&amp;" => '&',
                    "&lt;" => '<',
                    "&gt;" => '>',
                    _ => return Err(format!("a bare & in {rest}")),
                });
                at += entity.len() - 1;
            }
            '*' if next == Some('*') => {
                strong += 1;
                at += 1;
            }
            '[' => {
                let whole: String = letters[at..].iter().collect();
                let (label, after) = whole[1..].split_once("](").ok_or("a bracket")?;
                let (address, _) = after.split_once(')').ok_or("an address without an end")?;
                if label.contains(['[', ']']) || address.contains([' ', '(', '<']) {
                    return Err(format!("no link: {whole}"));
                }
                links.push((label.to_owned(), address.to_owned()));
                out.push_str(label);
                at += label.chars().count() + address.chars().count() + 3;
            }
            // Emphasis, code, HTML, strikes, mathematics, and references to issues, merge requests and labels.
            bare @ ('*' | '_' | '`' | '<' | '>' | ']' | '|' | '~' | '#' | '!' | '\\') => {
                return Err(format!("a bare {bare} in {rest}"));
            }
            '$' if next.is_some_and(char::is_numeric) => return Err(format!("a snippet: {rest}")),
            '@' if next.is_some_and(|next| next.is_alphanumeric() || next == '"') => {
                return Err(format!("somebody is mentioned: {rest}"));
            }
            '%' if next.is_some_and(|next| next.is_alphanumeric() || next == '"') => {
                return Err(format!("a milestone: {rest}"));
            }
            '\u{2060}' => {}
            letter if letter.is_control() => return Err(format!("a control character in {rest}")),
            letter => out.push(letter),
        }
        at += 1;
    }
    if strong % 2 != 0 {
        return Err(format!("** is left open: {text}"));
    }
    Ok(out)
}

/// A token of Mermaid's lexer.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Mark(char),
    Break,
}

fn tokens(block: &str) -> Result<Vec<Token>, String> {
    let letters: Vec<char> = block.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < letters.len() {
        let letter = letters[at];
        // `[^\}]\%\%[^\n]*` comes first in the grammar: any letter before `%%` starts a comment.
        if letters[at..].iter().skip(usize::from(letter != '%')).take(2).eq(&['%', '%']) {
            return Err("a comment within the chart".into());
        }
        at += 1;
        match letter {
            '"' => {
                if letters.get(at) == Some(&'`') {
                    return Err("a Markdown text".into());
                }
                let end = letters[at..].iter().position(|c| *c == '"').ok_or("a text without an end")?;
                // The grammar has no token for an empty text.
                if end == 0 {
                    return Err("an empty text".into());
                }
                let text: String = letters[at..at + end].iter().collect();
                if text.contains('\n') {
                    return Err("a text over lines".into());
                }
                // `#…;` is an entity to Mermaid, `%%{` a directive wherever it stands.
                if text.contains(';') || text.contains("%%") {
                    return Err(format!("an entity or a directive: {text}"));
                }
                tokens.push(Token::Text(text));
                at += end + 1;
            }
            '\n' => tokens.push(Token::Break),
            ' ' => {}
            '[' | ']' | ',' => tokens.push(Token::Mark(letter)),
            '0'..='9' | '.' | '+' | '-' => {
                let more = letters[at..].iter().take_while(|c| c.is_ascii_digit() || **c == '.').count();
                let number: String = letters[at - 1..at + more].iter().collect();
                tokens.push(Token::Number(number.parse().map_err(|_| format!("no number: {number}"))?));
                at += more;
            }
            letter if letter.is_ascii_alphabetic() => {
                let more = letters[at..].iter().take_while(|c| c.is_ascii_alphabetic() || **c == '-').count();
                tokens.push(Token::Word(letters[at - 1..at + more].iter().collect()));
                at += more;
            }
            letter => return Err(format!("what is {letter}")),
        }
    }
    Ok(tokens)
}

/// `[a, b, …]` of what `take` accepts.
fn list<T>(tokens: &[Token], take: impl Fn(&Token) -> Option<T>) -> Result<Vec<T>, String> {
    let inner =
        tokens.strip_prefix(&[Token::Mark('[')]).and_then(|rest| rest.strip_suffix(&[Token::Mark(']')]));
    let inner = inner.ok_or("a list is due")?;
    let taken = inner.split(|token| *token == Token::Mark(',')).map(|one| match one {
        [token] => take(token).ok_or_else(|| format!("not in this list: {token:?}")),
        _ => Err(format!("between commas: {one:?}")),
    });
    taken.collect()
}

/// A chart by its grammar.
///
/// # Errors
/// What Mermaid would stumble over, or draw wrongly.
pub fn chart(block: &str) -> Result<XyChart, String> {
    let tokens = tokens(block)?;
    let text = |token: &Token| match token {
        Token::Text(text) => Some(text.clone()),
        _ => None,
    };
    let number = |token: &Token| match token {
        Token::Number(number) => Some(*number),
        _ => None,
    };
    let mut chart = XyChart::default();
    let mut statements = tokens.split(|token| *token == Token::Break).filter(|one| !one.is_empty());
    let word = |token: &Token| match token {
        Token::Word(word) => word.clone(),
        other => format!("{other:?}"),
    };
    let head: Vec<String> = statements.next().unwrap_or_default().iter().map(word).collect();
    if head != ["xychart-beta", "horizontal"] {
        return Err(format!("no chart that this reader knows: {head:?}"));
    }
    for statement in statements {
        match (word(&statement[0]).as_str(), &statement[1..]) {
            ("title", [Token::Text(title)]) => chart.title.clone_from(title),
            ("y-axis", [Token::Text(_)]) => {}
            ("x-axis", rest) => chart.categories = list(rest, text)?,
            ("bar", rest) => chart.bars = list(rest, number)?,
            _ => return Err(format!("no statement: {statement:?}")),
        }
    }
    let mut distinct = chart.categories.clone();
    distinct.sort();
    distinct.dedup();
    if distinct.len() != chart.categories.len() || chart.bars.len() != chart.categories.len() {
        return Err("each category is there once and has one bar".into());
    }
    Ok(chart)
}
