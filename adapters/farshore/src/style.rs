//! Colour where it is wanted, columns that line up, and text that fits.

use std::fmt::{self, Display};
use std::io::IsTerminal;

/// How text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Story,
}

/// Whether there is colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// Colour on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { colour: wanted && std::io::stdout().is_terminal() }
    }

    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { colour: false }
    }

    /// Text that looks like this.
    pub(crate) fn paint<T: Display>(self, look: Look, text: T) -> Painted<T> {
        Painted { look: if self.colour { look } else { Look::Plain }, text }
    }
}

/// Text with a look.
#[derive(Debug)]
pub(crate) struct Painted<T> {
    look: Look,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.look {
            Look::Plain => return self.text.fmt(f),
            Look::Bold => "1",
            Look::Dim => "2",
            Look::Good => "32",
            Look::Bad => "1;31",
            Look::Story => "1;33",
        };
        write!(f, "\x1b[{code}m{}\x1b[0m", self.text)
    }
}

/// A table with a line of headings; columns are as wide as they need to be.
#[derive(Debug)]
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<(Look, String)>>,
}

impl Table {
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(|c| (Look::Plain, c)).collect());
    }

    pub(crate) fn looks(&mut self, cells: Vec<(Look, String)>) {
        self.rows.push(cells);
    }

    /// The text, each line indented by two spaces.
    pub(crate) fn text(&self, style: Style) -> String {
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|r| r.get(at)).map(|(_, c)| c.chars().count());
            cells.chain([self.heads[at].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let mut text = String::new();
        let mut line = |cells: Vec<(Look, String)>| {
            text.push_str("  ");
            let last = cells.len().saturating_sub(1);
            for (at, (look, cell)) in cells.into_iter().enumerate() {
                let fill = widths[at].saturating_sub(cell.chars().count());
                text.push_str(&style.paint(look, cell).to_string());
                if at != last {
                    text.push_str(&" ".repeat(fill + 2));
                }
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        };
        line(self.heads.iter().map(|h| (Look::Dim, (*h).to_string())).collect());
        self.rows.iter().for_each(|r| line(r.clone()));
        text
    }
}

/// Breaks text into lines of at most so many characters, with an indent.
pub(crate) fn wrap(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    for paragraph in text.trim().split("\n\n") {
        if !lines.is_empty() {
            lines.push('\n');
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push_str(&format!("{indent}{line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push_str(&format!("{indent}{line}\n"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["vm", "where"]);
        table.row(vec!["shop-db".into(), "birch".into()]);
        table.row(vec!["web".into(), "alder".into()]);
        assert_eq!(table.text(Style::plain()), "  vm       where\n  shop-db  birch\n  web      alder\n");
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("one two\nthree\n\nfour", 9, "  "), "  one two\n  three\n\n  four\n");
    }
}
