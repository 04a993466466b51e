//! Results for people: tables, and trees of key and value.

use ng_protocol::Value;

/// A reply's tree, one line per leaf, nested by indentation.
pub(crate) fn tree(value: &Value<'_>, depth: usize) -> String {
    let pad = "    ".repeat(depth);
    let leaf = |value: &Value<'_>| match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).escape_debug().to_string()),
        Value::List(_) | Value::Dict(_) => None,
    };
    let branch = |name: &str, value: &Value<'_>| match leaf(value) {
        Some(text) => format!("{pad}{name}: {text}\n"),
        None => {
            let below = tree(value, depth + 1);
            if below.is_empty() {
                String::new()
            } else {
                format!("{pad}{name}:\n{below}")
            }
        }
    };
    match value {
        Value::Dict(pairs) => pairs
            .iter()
            .map(|(key, value)| branch(&String::from_utf8_lossy(key).escape_debug().to_string(), value))
            .collect(),
        Value::List(items) => items.iter().map(|item| branch("-", item)).collect(),
        _ => leaf(value).map_or(String::new(), |text| format!("{pad}{text}\n")),
    }
}

/// Lines of cells under each other, the first and the last column to the left; Markdown that is readable as it is. The
/// first line is the head.
pub(crate) fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).enumerate();
        let text = cells.map(|(column, (cell, width))| match column {
            _ if column == 0 || column + 1 == columns => format!(" {cell:<width$} |"),
            _ => format!(" {cell:>width$} |"),
        });
        format!("|{}\n", text.collect::<String>())
    };
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let Some((head, rest)) = lines.split_first() else {
        return String::new();
    };
    let mut out = line(head) + &line(&rule);
    rest.iter().for_each(|cells| out += &line(cells));
    out
}

/// The middle of the figures, or the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// Four significant digits are more than any of this is worth.
pub(crate) fn round(figure: f64) -> String {
    match figure.abs() {
        big if big >= 1_000.0 => format!("{figure:.0}"),
        middling if middling >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (figures, expected) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[1.0, 2.0], Some(1.5)),
        ] {
            assert_eq!(median(figures), expected, "{figures:?}");
        }
    }

    #[test]
    fn a_table_lines_up() {
        let lines = [["what", "peer", "so"], ["rate", "1", "x"], ["a", "200000", ""]];
        let lines = lines.map(|line| line.map(str::to_owned).to_vec());
        let expected = "\
| what |   peer | so |
| ---- | ------ | -- |
| rate |      1 | x  |
| a    | 200000 |    |
";
        assert_eq!(table(&lines), expected);
    }

    #[test]
    fn a_tree_shows_leaves_and_skips_empty_branches() {
        let reply = ng_protocol::bencode::decode(b"d6:result2:ok4:tagsde3:sumd1:ai5e1:bli1ei2eeee").unwrap();
        assert_eq!(
            tree(&reply, 0),
            "result: ok\nsum:\n    a: 5\n    b:\n        -: 1\n        -: 2\n"
        );
    }
}
