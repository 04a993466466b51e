//! Curves of a relay over the packet rate, as a picture: loss, latency, processor time per packet. SVG written by hand:
//! three panels of lines need no library.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::hist::Latency;
use crate::media::generator::Trial;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 210.0;
const LEFT: f64 = 70.0;
/// Title and two lines of names.
const TOP: f64 = 68.0;
const NAMES_PER_LINE: usize = 3;
const GAP: f64 = 44.0;
const COLOURS: [&str; 6] = ["#b03030", "#2060b0", "#208040", "#a06010", "#703090", "#404040"];

/// One trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// Packets/s that left.
    pub(crate) rate: f64,
    /// Fraction.
    pub(crate) loss: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p99_9_us: f64,
    /// Processor time of the relay and of the kernel for it, per packet.
    pub(crate) cpu_ns: Option<f64>,
}

impl Point {
    pub(crate) fn of(trial: &Trial, latency: &Latency) -> Self {
        Self {
            rate: trial.sent_rate(),
            loss: trial.totals.loss(),
            p50_us: latency.us(0.5),
            p99_us: latency.us(0.99),
            p99_9_us: latency.us(0.999),
            cpu_ns: None,
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "rate": self.rate, "loss": self.loss, "p50_us": self.p50_us, "p99_us": self.p99_us,
            "p99_9_us": self.p99_9_us, "cpu_ns": self.cpu_ns,
        })
    }
}

/// All trials of one relay.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

struct Panel {
    name: &'static str,
    value: fn(&Point) -> Option<f64>,
    /// What is below is drawn at the bottom.
    floor: f64,
}

const PANELS: [Panel; 3] = [
    Panel {
        name: "loss, %",
        value: |point| Some(point.loss * 100.0),
        floor: 0.001,
    },
    Panel {
        name: "added latency p99, µs",
        value: |point| Some(point.p99_us),
        floor: 10.0,
    },
    Panel {
        name: "processor time per packet, ns",
        value: |point| point.cpu_ns,
        floor: 100.0,
    },
];

/// Both axes are logarithmic: relays differ by powers of ten.
pub(crate) fn svg(title: &str, curves: &[Curve]) -> String {
    let height = TOP + PANELS.len() as f64 * (PANEL + GAP) + 10.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"15\">{}</text>\n",
        escape(title)
    );
    legend(&mut out, curves);
    let rates = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|point| point.rate));
    let across = Axis::new(rates, 1_000.0);
    for (place, panel) in PANELS.iter().enumerate() {
        let top = TOP + 8.0 + place as f64 * (PANEL + GAP);
        draw(&mut out, panel, curves, &across, top);
    }
    out + "</svg>\n"
}

fn legend(out: &mut String, curves: &[Curve]) {
    for (place, (curve, colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let column = (place % NAMES_PER_LINE) as f64 / NAMES_PER_LINE as f64;
        let x = LEFT + column * (WIDTH - LEFT);
        let y = 36 + place / NAMES_PER_LINE * 16;
        let _ = writeln!(
            out,
            "<text x=\"{x:.0}\" y=\"{y}\" fill=\"{colour}\">● {}</text>",
            escape(&curve.name)
        );
    }
}

fn draw(out: &mut String, panel: &Panel, curves: &[Curve], across: &Axis, top: f64) {
    let values = || {
        curves
            .iter()
            .flat_map(|curve| curve.points.iter().filter_map(panel.value))
    };
    let up = Axis::new(values(), panel.floor);
    let x = |rate: f64| LEFT + across.place(rate) * (WIDTH - LEFT - 20.0);
    let y = |value: f64| top + (1.0 - up.place(value)) * PANEL;
    let (right, bottom) = (WIDTH - 20.0, top + PANEL);
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{:.0}\">{}</text>",
        top - 5.0,
        panel.name
    );
    for mark in up.marks() {
        let at = y(mark);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.0}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            short(mark)
        );
    }
    for mark in across.marks() {
        let at = x(mark);
        let _ = writeln!(
            out,
            "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" \
             text-anchor=\"middle\">{}/s</text>",
            bottom + 15.0,
            short(mark)
        );
    }
    for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
        let mut points: Vec<_> = curve
            .points
            .iter()
            .filter_map(|p| Some((p.rate, (panel.value)(p)?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let line: Vec<_> = points
            .iter()
            .map(|(rate, value)| format!("{:.1},{:.1}", x(*rate), y(*value)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" opacity=\"0.7\"/>",
            line.join(" ")
        );
        for (rate, value) in points {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.6\" fill=\"{colour}\"/>",
                x(rate),
                y(value)
            );
        }
    }
}

/// A logarithmic axis.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64>, floor: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, floor);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value.max(floor));
            high = high.max(value);
        }
        let low = 10_f64.powf(low.min(high).log10().floor());
        let high = 10_f64.powf(high.log10().ceil()).max(low * 10.0);
        Self { low, high }
    }

    /// Where a value is, between 0 and 1.
    fn place(&self, value: f64) -> f64 {
        (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
    }

    /// Powers of ten.
    fn marks(&self) -> impl Iterator<Item = f64> + use<> {
        let (low, steps) = (self.low, (self.high / self.low).log10().round() as i32);
        (0..=steps).map(move |step| low * 10_f64.powi(step))
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", v / 1e6),
        v if v >= 1e3 => format!("{}k", v / 1e3),
        v => format!("{}", (v * 1e6).round() / 1e6),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_goes_by_powers_of_ten() {
        let axis = Axis::new([0.0, 30.0, 250.0].into_iter(), 10.0);
        assert_eq!(axis.marks().collect::<Vec<_>>(), [10.0, 100.0, 1_000.0]);
        assert_eq!(
            (axis.place(0.0), axis.place(100.0), axis.place(1_000.0)),
            (0.0, 0.5, 1.0)
        );
        assert_eq!(
            Axis::new([].into_iter(), 10.0).marks().count(),
            2,
            "nothing measured"
        );
    }

    #[test]
    fn every_point_is_drawn() {
        let point = |rate, loss| Point {
            rate,
            loss,
            p50_us: 20.0,
            p99_us: 90.0,
            p99_9_us: 95.0,
            cpu_ns: None,
        };
        let curve = Curve {
            name: "a < b".to_owned(),
            points: vec![point(2e5, 0.0), point(1e5, 0.5)],
        };
        let picture = svg("x & y", &[curve]);
        assert_eq!(
            picture.matches("<circle").count(),
            4,
            "no processor time, so two panels"
        );
        assert!(picture.contains("x &amp; y") && picture.contains("a &lt; b"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}
