//! Errors with their place in a file.

use std::fmt;
use std::ops::Range;

use super::suggest;

/// What is wrong with a file, and where. Shown over several lines, with the offending one:
///
/// ```text
/// shop.toml:3:1: unknown key `lun`
///   |
/// 3 | lun = ["shop"]
///   | ^^^
///   = did you mean `luns`?
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFileError {
    /// Name of the file, as the caller gave it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
    /// What to do about it, where that can be told.
    pub help: Option<String>,
    /// The line's text.
    excerpt: String,
    /// How many characters of it are marked.
    marked: usize,
}

impl ConfigFileError {
    pub(super) fn new(text: &str, file: &str, error: &toml::de::Error) -> Self {
        let suggest::Told { problem, help } = suggest::tell(error.message());
        let at = Place::of(text, error.span().unwrap_or(0..0));
        let Place { line, column, excerpt, marked } = at;
        Self { file: file.into(), line, column, problem, help, excerpt, marked }
    }
}

impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, problem, help, excerpt, marked } = self;
        let margin = " ".repeat(line.to_string().len());
        // Tabs stay, so that the mark stands under what it marks.
        let indent: String = excerpt.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        writeln!(f, "{file}:{line}:{column}: {problem}")?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {excerpt}")?;
        write!(f, "{margin} | {indent}{}", "^".repeat(*marked))?;
        match help {
            Some(help) => write!(f, "\n{margin} = {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigFileError {}

/// Where a span of bytes begins, for a person.
struct Place {
    line: usize,
    column: usize,
    excerpt: String,
    marked: usize,
}

impl Place {
    fn of(text: &str, span: Range<usize>) -> Self {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let (before, after) = text.split_at(start);
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let end = after.find('\n').map_or(text.len(), |at| start + at);
        let excerpt = text[begin..end].trim_end_matches('\r');
        let marked = text[start..text.floor_char_boundary(span.end.clamp(start, end))].trim_end().chars().count();
        Self {
            line: before.matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            excerpt: excerpt.into(),
            marked: marked.max(1),
        }
    }
}
