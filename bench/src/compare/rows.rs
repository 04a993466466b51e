//! The rows of a comparison: figures of both relays, how much better ours is, and what is wanted.

use serde_json::{Value, json};

use crate::report::{self, median};

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

/// What is wanted of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// Ours that many times better than the peer's.
    Times(f64),
    /// Ours at most that.
    AtMost(f64),
}

/// A row's name, and what is wanted of it.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    pub(crate) targets: Vec<Target>,
}

/// One figure of both relays, once per round.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    kind: Kind,
    calls: Option<usize>,
    peer: Vec<f64>,
    ours: Vec<f64>,
    /// Processor time per packet at these figures, ns, of both.
    ns: [Vec<f64>; 2],
    /// Ours was not the limit, so that both are judged by processor time.
    generator_bound: bool,
    note: String,
}

/// A figure as it was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    /// Processor time per packet at a rate that is the highest.
    pub(crate) ns: Option<f64>,
    pub(crate) generator_bound: bool,
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

impl Row {
    fn new(kind: Kind, calls: Option<usize>) -> Self {
        Self {
            kind,
            calls,
            peer: Vec::new(),
            ours: Vec::new(),
            ns: [Vec::new(), Vec::new()],
            generator_bound: false,
            note: String::new(),
        }
    }

    /// How many times better ours is; of medians.
    fn times(&self) -> Option<f64> {
        let [peer_ns, ours_ns] = self.ns.each_ref().map(|ns| median(ns));
        if let (true, Some(peer), Some(ours)) = (self.generator_bound, peer_ns, ours_ns) {
            return (ours > 0.0).then(|| peer / ours);
        }
        let (peer, ours) = (median(&self.peer)?, median(&self.ours)?);
        let (above, below) = match self.kind.better {
            Better::Higher => (ours, peer),
            Better::Lower => (peer, ours),
        };
        (below != 0.0).then(|| above / below)
    }

    /// Whether everything that is wanted is met; `None` if nothing is, or nothing can be said.
    pub(crate) fn met(&self) -> Option<bool> {
        if self.ours.is_empty() && !self.kind.targets.is_empty() {
            return Some(false);
        }
        let met = self.kind.targets.iter().map(|target| match target {
            Target::Times(wanted) => self.times().map(|times| times >= *wanted),
            Target::AtMost(most) => median(&self.ours).map(|ours| ours <= *most),
        });
        let met: Option<Vec<_>> = met.collect();
        met.filter(|met| !met.is_empty())
            .map(|met| met.into_iter().all(|met| met))
    }

    fn wanted(&self) -> String {
        let text = self.kind.targets.iter().map(|target| match target {
            Target::Times(times) => format!("≥ {}x", (times * 100.0).round() / 100.0),
            Target::AtMost(most) => format!("≤ {most}"),
        });
        text.collect::<Vec<_>>().join(", ")
    }

    fn remark(&self) -> String {
        let [peer, ours] = self.ns.each_ref().map(|ns| median(ns));
        let by = if self.generator_bound {
            "the generator was the limit: judged by "
        } else {
            ""
        };
        let ns = match (peer, ours) {
            (Some(peer), Some(ours)) => format!("{by}{peer:.0} / {ours:.0} ns per packet"),
            _ => String::new(),
        };
        [ns, self.note.clone()]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn json(&self) -> Value {
        json!({
            "name": self.kind.name,
            "calls": self.calls,
            "unit": self.kind.unit,
            "peer": { "median": median(&self.peer), "rounds": self.peer, "ns_per_packet": self.ns[0] },
            "ours": { "median": median(&self.ours), "rounds": self.ours, "ns_per_packet": self.ns[1] },
            "times_better": self.times(),
            "wanted": self.wanted(),
            "met": self.met(),
            "generator_bound": self.generator_bound,
            "note": self.note,
        })
    }
}

/// All rows, in the order in which they were first heard of.
#[derive(Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    /// Enters a figure.
    pub(crate) fn add(&mut self, kind: &Kind, calls: Option<usize>, ours: bool, figure: impl Into<Figure>) {
        let figure = figure.into();
        let row = self.row(kind, calls);
        if ours { &mut row.ours } else { &mut row.peer }.push(figure.value);
        row.ns[usize::from(ours)].extend(figure.ns);
        row.generator_bound |= ours && figure.generator_bound;
    }

    /// Says something about a row.
    pub(crate) fn note(&mut self, kind: &Kind, calls: Option<usize>, note: &str) {
        note.clone_into(&mut self.row(kind, calls).note);
    }

    /// Says something more about a row.
    pub(crate) fn note_more(&mut self, kind: &Kind, calls: Option<usize>, note: &str) {
        let said = &mut self.row(kind, calls).note;
        if !said.is_empty() {
            said.push_str("; ");
        }
        said.push_str(note);
    }

    fn row(&mut self, kind: &Kind, calls: Option<usize>) -> &mut Row {
        let found = self
            .0
            .iter()
            .position(|row| row.kind.name == kind.name && row.calls == calls);
        let at = found.unwrap_or_else(|| {
            self.0.push(Row::new(kind.clone(), calls));
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    pub(crate) fn all_met(&self) -> bool {
        self.0.iter().all(|row| row.met() != Some(false))
    }

    pub(crate) fn json(&self) -> Value {
        self.0.iter().map(Row::json).collect()
    }

    /// A table as Markdown that is also readable as it is.
    pub(crate) fn table(&self) -> String {
        let heads = [
            "measurement",
            "calls",
            "peer",
            "ours",
            "better",
            "wanted",
            "",
            "remarks",
        ];
        let mut lines = vec![heads.map(str::to_owned).to_vec()];
        for row in &self.0 {
            let figure = |figures: &[f64]| median(figures).map_or("-".to_owned(), report::round);
            let comma = if row.kind.unit.is_empty() { "" } else { ", " };
            lines.push(vec![
                format!("{}{comma}{}", row.kind.name, row.kind.unit),
                row.calls.map_or(String::new(), |calls| calls.to_string()),
                figure(&row.peer),
                figure(&row.ours),
                row.times().map_or("-".to_owned(), |times| format!("{times:.2}x")),
                row.wanted(),
                match row.met() {
                    Some(true) => "met".to_owned(),
                    Some(false) => "MISSED".to_owned(),
                    None => String::new(),
                },
                row.remark(),
            ]);
        }
        report::table(&lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(better: Better, targets: &[Target]) -> Kind {
        Kind {
            name: "rate",
            unit: "packets/s",
            better,
            targets: targets.to_vec(),
        }
    }

    #[test]
    fn targets_are_met_in_their_direction() {
        use Better::{Higher, Lower};
        use Target::{AtMost, Times};
        for (better, targets, ours, expected) in [
            (Higher, &[Times(1.5)][..], 15.0, Some(true)),
            (Higher, &[Times(1.5)], 14.0, Some(false)),
            (Lower, &[Times(2.0)], 5.0, Some(true)),
            (Lower, &[Times(2.0)], 6.0, Some(false)),
            (Lower, &[Times(1.0), AtMost(4.0)], 5.0, Some(false)),
            (Lower, &[AtMost(5.0)], 5.0, Some(true)),
            (Lower, &[], 6.0, None),
        ] {
            let (mut rows, kind) = (Rows::default(), kind(better, targets));
            rows.add(&kind, None, true, ours);
            rows.add(&kind, None, false, 10.0);
            assert_eq!(rows.0[0].met(), expected, "{better:?} {targets:?} {ours}");
        }
    }

    #[test]
    fn where_the_generator_was_the_limit_processor_time_judges() {
        let (mut rows, kind) = (Rows::default(), kind(Better::Higher, &[Target::Times(5.0)]));
        let figure = |value, ns, generator_bound| Figure {
            value,
            ns: Some(ns),
            generator_bound,
        };
        rows.add(&kind, Some(100), false, figure(100_000.0, 8_000.0, false));
        rows.add(&kind, Some(100), true, figure(400_000.0, 1_000.0, false));
        assert_eq!(rows.0[0].times(), Some(4.0));
        rows.add(&kind, Some(100), true, figure(400_000.0, 1_000.0, true));
        assert_eq!((rows.0[0].times(), rows.0[0].met()), (Some(8.0), Some(true)));
        let table = rows.table();
        assert!(table.contains("judged by 8000 / 1000 ns per packet"), "{table}");
    }
}
