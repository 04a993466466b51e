//! Results for people: tables, and trees of key and value.

use ng_protocol::Value;
use serde_json::{Value as Json, json};

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

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// One figure of both relays, once per round.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    /// Short name, also the key in JSON.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// The ratio ours/peer that is wanted, if one is: at least it if higher is better, at most it otherwise.
    pub(crate) target: Option<f64>,
    pub(crate) peer: Vec<f64>,
    pub(crate) ours: Vec<f64>,
}

impl Metric {
    pub(crate) fn new(name: &'static str, unit: &'static str, better: Better, target: Option<f64>) -> Self {
        Self {
            name,
            unit,
            better,
            target,
            peer: Vec::new(),
            ours: Vec::new(),
        }
    }

    /// Ours by the peer's, of the medians.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let (ours, peer) = (median(&self.ours)?, median(&self.peer)?);
        (peer != 0.0).then(|| ours / peer)
    }

    /// Whether the target is met; `None` without a target or without figures.
    pub(crate) fn met(&self) -> Option<bool> {
        let (ratio, target) = (self.ratio()?, self.target?);
        Some(match self.better {
            Better::Higher => ratio >= target,
            Better::Lower => ratio <= target,
        })
    }

    pub(crate) fn json(&self) -> Json {
        json!({
            "name": self.name,
            "unit": self.unit,
            "better": if self.better == Better::Higher { "higher" } else { "lower" },
            "peer": { "median": median(&self.peer), "rounds": self.peer },
            "ours": { "median": median(&self.ours), "rounds": self.ours },
            "ratio": self.ratio(),
            "target": self.target,
            "met": self.met(),
        })
    }
}

/// A table of all metrics, as Markdown that is also readable as it is.
pub(crate) fn table(metrics: &[Metric]) -> String {
    let mut rows = vec![["measurement", "peer", "ours", "ratio", "wanted", ""].map(str::to_owned)];
    for metric in metrics {
        let figure = |figures: &[f64]| median(figures).map_or("-".to_owned(), round);
        let sign = if metric.better == Better::Higher {
            "≥"
        } else {
            "≤"
        };
        rows.push([
            format!("{}, {}", metric.name, metric.unit),
            figure(&metric.peer),
            figure(&metric.ours),
            metric
                .ratio()
                .map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
            metric
                .target
                .map_or(String::new(), |target| format!("{sign} {target}")),
            match metric.met() {
                Some(true) => "met".to_owned(),
                Some(false) => "MISSED".to_owned(),
                None => String::new(),
            },
        ]);
    }
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let line = |row: &[String; 6]| {
        let cells = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                0 => format!(" {cell:<width$} |"),
                _ => format!(" {cell:>width$} |"),
            });
        format!("|{}\n", cells.collect::<String>())
    };
    let rule = widths.map(|width| "-".repeat(width));
    let mut out = line(&rows[0]) + &line(&rule);
    rows[1..].iter().for_each(|row| out += &line(row));
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
fn round(figure: f64) -> String {
    match figure.abs() {
        big if big >= 1_000.0 => format!("{figure:.0}"),
        middling if middling >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(better: Better, target: Option<f64>, peer: &[f64], ours: &[f64]) -> Metric {
        let mut metric = Metric::new("rate", "packets/s", better, target);
        (metric.peer, metric.ours) = (peer.to_vec(), ours.to_vec());
        metric
    }

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
    fn targets_are_met_in_their_direction() {
        for (better, target, ours, expected) in [
            (Better::Higher, Some(1.5), 15.0, Some(true)),
            (Better::Higher, Some(1.5), 14.0, Some(false)),
            (Better::Lower, Some(0.5), 5.0, Some(true)),
            (Better::Lower, Some(0.5), 6.0, Some(false)),
            (Better::Lower, None, 6.0, None),
        ] {
            assert_eq!(
                metric(better, target, &[10.0], &[ours]).met(),
                expected,
                "{better:?} {ours}"
            );
        }
        assert_eq!(
            metric(Better::Higher, Some(1.0), &[0.0], &[1.0]).met(),
            None,
            "no ratio with nothing"
        );
    }

    #[test]
    fn a_table_lines_up() {
        let rows = [
            metric(Better::Higher, Some(1.5), &[100_000.0], &[250_000.0]),
            metric(Better::Lower, None, &[1.234], &[]),
        ];
        let expected = "\
| measurement     |   peer |   ours | ratio | wanted |     |
| --------------- | ------ | ------ | ----- | ------ | --- |
| rate, packets/s | 100000 | 250000 |  2.50 |  ≥ 1.5 | met |
| rate, packets/s |   1.23 |      - |     - |        |     |
";
        assert_eq!(table(&rows), expected);
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
