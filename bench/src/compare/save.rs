//! What is left of a comparison: a table, JSON, a picture.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::measure::Media;
use super::{Run, machine};
use crate::plot::{self, Point};

impl Run<'_> {
    /// Shows and writes everything; whether all that is wanted was met.
    pub(super) fn finish(self, machine: &Value) -> Result<bool> {
        let curves = self.curves.iter().map(|(media, curve)| {
            let points: Vec<_> = curve.points.iter().map(Point::json).collect();
            json!({ "name": curve.name, "media": media.name(), "points": points })
        });
        let result = json!({
            "machine": machine,
            "calls": self.options.calls,
            "idle_calls": self.options.idle_calls,
            "rounds": self.rounds,
            "seconds": self.options.seconds,
            "generator": self.ceilings,
            "rows": self.rows.json(),
            "curves": curves.collect::<Vec<_>>(),
        });
        let table = self.rows.table();
        if self.options.json {
            println!("{result:#}");
        } else {
            println!("\n{table}");
        }
        if let Some(folder) = &self.options.out {
            let plain = self.curves.iter().filter(|(media, _)| *media == Media::Plain);
            let plain: Vec<_> = plain.map(|(_, curve)| curve.clone()).collect();
            save(
                folder,
                &result,
                &table,
                &plot::svg("Plain RTP, one core each", &plain),
            )?;
        }
        Ok(self.rows.all_met())
    }
}

fn save(folder: &Path, result: &Value, table: &str, picture: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("compare-{}", machine::date()));
    std::fs::write(path.with_extension("json"), format!("{result:#}\n"))?;
    std::fs::write(path.with_extension("svg"), picture)?;
    let limits: Vec<_> = result["generator"]
        .as_array()
        .into_iter()
        .flatten()
        .map(limit)
        .collect();
    let text = format!(
        "{}\n\nthe generator's own limit: {}\n\n{table}",
        machine::markdown(&result["machine"]),
        if limits.is_empty() {
            "not measured".to_owned()
        } else {
            limits.join(", ")
        }
    );
    std::fs::write(path.with_extension("md"), text)?;
    eprintln!("written: {}.json, .md and .svg", path.display());
    Ok(())
}

fn limit(found: &Value) -> String {
    format!(
        "{} {:.0} packets/s (p99 {:.0} µs at half of it)",
        found["media"].as_str().unwrap_or_default(),
        found["packets_per_second"].as_f64().unwrap_or(0.0),
        found["p99_us_at_half"].as_f64().unwrap_or(0.0)
    )
}
